/** A URL, or a sentence with one in it, without its password. */
export const redact = (url: string): string =>
  url.replace(/([^:/?#]+:\/\/[^:/?#@]*):.*@/, '$1:***@').replaceAll(/([?&][^=&]*password=)[^&]*/gi, '$1***');

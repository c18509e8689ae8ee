/** A URL, or a sentence with one in it, without its password. A password may have any character, and a user name an `@`. */
export const redact = (url: string): string =>
  url
    .replace(/([^:/?#]+:\/\/[^:/?#@]*):.*@/, '$1:***@')
    .replace(/(:\/\/[^:/?#\s]*):[^/?#\s]*@/, '$1:***@')
    .replaceAll(/([?&][^=&]*password=)[^&]*/gi, '$1***');

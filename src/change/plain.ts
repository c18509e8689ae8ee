/**
 * One line that is only text to a terminal: whoever made the file chose the names in it, and one could move the cursor, begin a line of its own,
 * or turn the order of the letters.
 */
export const plain = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Somebody else's words on one line, without characters that cannot be seen, and not too many of them. */
export function oneLine(words: string, most: number): string {
  return words
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, most);
}

/** How many columns of a terminal text takes. Threads: no state. */

// East Asian letters and emoji, but not the halfwidth forms that have the same scripts.
const WIDE = new RegExp(
  String.raw`^(?![\uff61-\uffdc])[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}` +
    String.raw`\p{Script=Bopomofo}\p{Script=Yi}\p{Emoji_Presentation}\u3000-\u303e\u30fb\u30fc\uff01-\uffe6]`,
  'u',
);
const NONE = /^[\p{Mark}\p{Format}]+$/u;

let segmenter: Intl.Segmenter | undefined;

/**
 * How wide text is.
 *
 * @param text - without control characters
 * @returns columns: two for a wide letter, none for what only joins the one before
 */
export function width(text = ''): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  segmenter ??= new Intl.Segmenter();
  let columns = 0;
  for (const { segment } of segmenter.segment(text)) {
    if (!NONE.test(segment)) columns += WIDE.test(segment) ? 2 : 1;
  }
  return columns;
}

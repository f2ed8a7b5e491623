/** Bar charts as SVG that read in light and in dark. */
import { shown } from './measure.js';

/** Bars of one scale. */
export interface Panel {
  title: string;
  values: ReadonlyMap<string, number>;
}

const WIDTH = 760;
const NAMES = 210;
const VALUES = 70;
const LINE = 24;
const HEAD = 44;

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c] ?? c);
}

function bars({ title, values }: Panel, top: number): string {
  const most = Math.max(...values.values());
  const scale = (WIDTH - NAMES - VALUES) / most;
  const lines = [...values].sort(([, a], [, b]) => a - b);
  const rows = lines.map(([name, value], i) => {
    const y = top + HEAD + i * LINE;
    const own = name.startsWith('jvdb') ? ' class="own"' : '';
    const width = Math.max(value * scale, 1).toFixed(1);
    return [
      `<text x="${NAMES - 10}" y="${y + 14}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${NAMES}" y="${y + 2}" width="${width}" height="${LINE - 8}" rx="2"${own}/>`,
      `<text x="${(NAMES + value * scale + 8).toFixed(1)}" y="${y + 14}">${shown(value)}</text>`,
    ].join('');
  });
  return [`<text x="${NAMES}" y="${top + 30}" class="head">${escaped(title)}</text>`, ...rows].join('\n');
}

/**
 * Draws panels one below the other, the least value first.
 *
 * @param title - what all of them show
 * @param panels - from top to bottom
 * @returns the SVG document
 */
export function chart(title: string, panels: readonly Panel[]): string {
  let top = 30;
  const drawn = panels.map((panel) => {
    const part = bars(panel, top);
    top += HEAD + panel.values.size * LINE + 8;
    return part;
  });
  const style = [
    'text{font:13px system-ui,sans-serif;fill:#57606a}.head{font-weight:600}rect{fill:#a8b1bb}.own{fill:#1f6feb}',
    '@media(prefers-color-scheme:dark){text{fill:#9198a1}rect{fill:#59636e}.own{fill:#4493f8}}',
  ].join('');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}</style>`,
    `<text x="${NAMES}" y="20" class="head">${escaped(title)}</text>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

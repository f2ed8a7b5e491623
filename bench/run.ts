/** npm run bench [-- name …]: runs the benches and prints their tables. Names: insert, read, open. */
import { run as insert } from './insert.js';
import { machine } from './measure.js';
import { run as open } from './open.js';
import { run as read } from './read.js';

const benches: Record<string, () => void | Promise<void>> = { insert, read, open };

async function main(): Promise<void> {
  const names = process.argv.slice(2);
  console.log(machine());
  for (const [name, run] of Object.entries(benches)) {
    if (names.length === 0 || names.includes(name)) await run();
  }
}

void main();

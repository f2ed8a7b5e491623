/** npm run bench [-- name …]: runs the benches and prints their tables. Names: kernels, search, insert, durable, read, open, databases, upkeep, follow, transfer, install. */
import { run as databases } from './databases.js';
import { run as durable } from './durable.js';
import { run as follow } from './follow.js';
import { run as insert } from './insert.js';
import { run as install } from './install.js';
import { run as kernels } from './kernels.js';
import { machine } from './measure.js';
import { run as open } from './open.js';
import { run as read } from './read.js';
import { run as search } from './search.js';
import { run as transfer } from './transfer.js';
import { run as upkeep } from './upkeep.js';

const benches: Record<string, () => void | Promise<void>> = {
  kernels,
  search,
  insert,
  durable,
  read,
  open,
  databases,
  upkeep,
  follow,
  transfer,
  install,
};

async function main(): Promise<void> {
  const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  console.log(machine());
  for (const [name, run] of Object.entries(benches)) {
    if (names.length === 0 || names.includes(name)) await run();
  }
}

void main();

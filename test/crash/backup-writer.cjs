'use strict';
// A process that is made to be killed: it writes as writer.cjs does and makes backups all the while,
// whole ones and increments, and removes old ones. It acknowledges each on stdout once it is done: an
// operation with its number, a backup with its id.
// Arguments: file, directory of backups, seed, dimension, first operation.
const { writeSync } = require('node:fs');
const { setImmediate, setTimeout } = require('node:timers/promises');
const { BackupDirectory, MemoryMappedVectorStore } = require('jvdb');
const { operation, apply } = require('./operations.cjs');

const [file, directory, ...numbers] = process.argv.slice(2);
const [seed, dimension, first] = numbers.map(Number);
const store = new MemoryMappedVectorStore(file, dimension, {
  idType: seed % 2 === 0 ? 'int64' : 'string',
  initialCapacity: 20,
  // One of two compacts now and then: no increment can follow then.
  autoCompact: seed % 4 < 2 && { deadShare: 0.5, deadBytes: 2000 },
});

async function backUp() {
  const backups = new BackupDirectory(directory);
  for (let n = 1; ; n++) {
    const kind = n % 5 === 4 ? 'full' : 'auto';
    const { id } = await backups.backup('db', store, { kind, maxIncrements: 3 });
    writeSync(1, `${id}\n`);
    if (n % 2 === 0) await backups.prune({ keepFull: 2 }, 'db');
  }
}

async function write() {
  for (let n = first; ; n++) {
    apply(store, operation(seed, n, dimension));
    writeSync(1, `${n}\n`);
    await (n % 4 === 0 ? setTimeout(1) : setImmediate());
  }
}

void write();
void backUp();

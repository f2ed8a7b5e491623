'use strict';
// A process that is made to be killed: it does one operation after the other and acknowledges each,
// once its call has returned, with its number on stdout.
// Arguments: file, seed, dimension, first operation, flush every so many operations (0: never).
const { writeSync } = require('node:fs');
const { MemoryMappedVectorStore } = require('jvdb');
const { operation, apply } = require('./operations.cjs');

const [file, ...numbers] = process.argv.slice(2);
const [seed, dimension, first, flushEvery] = numbers.map(Number);
const store = new MemoryMappedVectorStore(file, dimension, {
  idType: seed % 2 === 0 ? 'int64' : 'string',
  initialCapacity: 20,
  // Two of four compact again and again.
  autoCompact: seed % 4 < 2 && { deadShare: 0.05, deadBytes: 500 },
});

async function main() {
  for (let n = first; ; n++) {
    apply(store, operation(seed, n, dimension));
    if (flushEvery > 0 && n % flushEvery === 0) store.flushSync();
    writeSync(1, `${n}\n`);
    // Here the end of a compaction is noticed.
    if (n % 8 === 0) await new Promise(setImmediate);
  }
}

void main();

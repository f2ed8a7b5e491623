'use strict';
// A process that follows a writer: on and on it takes in what is new and compares every value with
// the history, which is a function of the seed; on stdin come the operations that the writer has
// acknowledged, one a line, and what it sees must not lie behind them. At the end of stdin it tells
// what it did.
// Arguments: file, seed, dimension.
const { createInterface } = require('node:readline');
const assert = require('node:assert');
const { setImmediate } = require('node:timers/promises');
const { MemoryMappedVectorStore } = require('jvdb');
const { operation, applyToModel } = require('./operations.cjs');

const [file, ...numbers] = process.argv.slice(2);
const [seed, dimension] = numbers.map(Number);

const model = new Map(); // the history up to operation `next`, and so LSN `lsn`
const told = new Map(); // the same, from the journal
let next = 0;
let lsn = 0;
const done = { refreshes: 0, compared: 0, changes: 0, anew: 0, advanced: 0 };

const bytes = (vector) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);

function compare(store) {
  assert.strictEqual(store.vectorCount, model.size);
  const ids = [...store.ids()];
  assert.strictEqual(new Set(ids).size, model.size);
  for (const [id, { vector, metadata }] of model) {
    const record = store.retrieveVector(id);
    assert(record !== undefined && bytes(record.vector).equals(bytes(vector)), `vector of ${id} at LSN ${lsn}`);
    assert(bytes(store.viewVector(id)).equals(bytes(vector)), `view of ${id} at LSN ${lsn}`);
    assert.deepStrictEqual(record.metadata, metadata);
    done.compared++;
  }
}

/** What followed an LSN, or everything anew where a compaction has dropped a part of that. */
function changesSince(store, sinceLsn) {
  try {
    return store.changes({ sinceLsn });
  } catch (error) {
    if (error.code !== 'JVDB_NOT_FOUND') throw error;
    told.clear();
    done.anew++;
    return store.changes({ sinceLsn: 0 });
  }
}

async function follow(store) {
  const sinceLsn = lsn;
  done.refreshes++;
  if (!store.refresh() && sinceLsn > 0) return;
  done.advanced++;
  assert(store.lastLsn >= lsn, `LSN ${store.lastLsn} after ${lsn}`);
  while (lsn < store.lastLsn) lsn += applyToModel(model, operation(seed, next++, dimension));
  assert.strictEqual(store.lastLsn, lsn, 'a part of an operation is seen');
  compare(store);
  for await (const change of changesSince(store, sinceLsn)) {
    if (change.type === 'put') told.set(change.id, bytes(change.vector).toString('hex'));
    else told.delete(change.id);
    done.changes++;
  }
  assert.strictEqual(told.size, model.size);
  for (const [id, { vector }] of model) assert.strictEqual(told.get(id), bytes(vector).toString('hex'));
}

/** LSN after an operation: what the writer's acknowledgement of it promises. */
const promised = [];
const history = new Map();
function lsnAfter(n) {
  while (promised.length <= n) {
    const before = promised.at(-1) ?? 0;
    promised.push(before + applyToModel(history, operation(seed, promised.length, dimension)));
  }
  return promised[n];
}

async function main() {
  let acknowledged = -1;
  let ended = false;
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => (acknowledged = Number(line)));
  input.on('close', () => (ended = true));
  const store = MemoryMappedVectorStore.open(file, { readOnly: true });
  for (;;) {
    const last = ended;
    const least = acknowledged;
    await follow(store);
    if (least >= 0) assert(lsn >= lsnAfter(least), `LSN ${lsn} though operation ${least} was acknowledged`);
    if (last) break;
    await setImmediate();
  }
  console.log(JSON.stringify(done));
}
void main();

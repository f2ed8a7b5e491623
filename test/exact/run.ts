/**
 * npm run test:exact [-- --queries=50 --seed=N]: searches real data by every metric, with and without
 * codes, on every SIMD level of this processor, and compares each answer with the float64 reference: ids,
 * order and the bits of the scores.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { MemoryMappedVectorStore, simd, type DistanceMetric, type VectorId } from '../../lib/index.js';
import type { Answer, Job, Question } from './compare.js';
import { glove, mnist, type DataSet } from './datasets.js';
import { queriesOf, type Query } from './queries.js';
import { rank, type Ranking } from './reference.js';

const METRICS = ['cosine', 'dot', 'euclidean'] as const;
const COLUMNS = ['int8', 'none'] as const;
const BATCH = 10_000;
// Of a level that is wrong everywhere, a few examples say enough.
const SHOWN = 3;

/** A process whose searches use one SIMD level. */
class Level implements Disposable {
  readonly #child;
  readonly #ended: Promise<never>;

  constructor(readonly name: string) {
    this.#child = fork(path.join(__dirname, 'compare.ts'), {
      env: { ...process.env, JVDB_SIMD: name },
      serialization: 'advanced',
    });
    this.#ended = once(this.#child, 'exit').then(([status, signal]) => {
      throw new Error(`the process of level ${name} ended with ${String(status ?? signal)}`);
    });
    // It ends in good order too, and then nobody waits for it.
    this.#ended.catch(() => undefined);
  }

  async compare(job: Job): Promise<Answer> {
    const answer = once(this.#child, 'message') as Promise<[Answer]>;
    this.#child.send(job);
    return (await Promise.race([answer, this.#ended]))[0];
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

/** Counts of what was compared, printed as they grow. */
class Report {
  #compared = 0;
  #wrong = 0;

  add(title: string, questions: readonly Question[], answer: Answer): void {
    this.#compared += questions.length;
    this.#wrong += answer.length;
    console.log(`${title}: ${questions.length} queries, ${answer.length} wrong`);
    for (const { question, text } of answer.slice(0, SHOWN)) {
      const { name, topK } = questions[question]!;
      console.log(`  query ${question} (${name}, topK ${topK}), ${text}`);
    }
  }

  end(repeat: string): void {
    if (this.#wrong > 0) console.log(`Repeat it with: ${repeat}`);
    console.log(`${this.#compared} compared, ${this.#wrong} wrong`);
    if (this.#wrong > 0 || this.#compared === 0) process.exitCode = 1;
  }
}

function store(file: string, data: DataSet, metric: DistanceMetric, scanColumn: (typeof COLUMNS)[number]): void {
  const { dimension, idType, ids, vectors } = data;
  using store = new MemoryMappedVectorStore<Record<string, unknown>, VectorId>(file, dimension, {
    idType,
    metric,
    scanColumn,
    initialCapacity: ids.length,
  });
  for (let begin = 0; begin < ids.length; begin += BATCH) {
    const end = Math.min(begin + BATCH, ids.length);
    store.batchStore(ids.slice(begin, end), vectors.subarray(begin * dimension, end * dimension));
  }
  if (store.vectorCount !== ids.length) throw new Error(`${data.name} has two vectors of one id`);
}

function questionsOf({ ids }: DataSet, queries: readonly Query[], rankings: readonly Ranking[]): Question[] {
  return queries.map(({ name, vector, topK }, i) => {
    const { places, scores } = rankings[i]!;
    const most = topK === 'closest' ? places.length : topK;
    return { name, vector, topK: most, scores, ids: Array.from(places, (place) => ids[place]!) };
  });
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) throw new Error(`--${name} is a whole number from ${least}`);
  return value;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      queries: { type: 'string', default: '50' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  });
  const count = wholeNumber('queries', values.queries, 1);
  const seed = wholeNumber('seed', values.seed, 0);
  const repeat = `npm run test:exact -- --queries=${count} --seed=${seed}`;
  const directory = mkdtempSync(path.join(tmpdir(), 'jvdb-exact-'));
  const levels = simd.supported.map((name) => new Level(name));
  const report = new Report();
  try {
    for (const load of [glove, mnist]) {
      let began = performance.now();
      const data = load();
      const size = `${data.ids.length.toLocaleString('en')} × ${data.dimension}`;
      process.stdout.write(`${data.name}: ${size}, read in ${seconds(began)}; `);
      began = performance.now();
      const queries = queriesOf(data, count, seed);
      const rankings = rank(data, queries);
      console.log(`reference for ${count} queries of seed ${seed} in ${seconds(began)}`);
      for (const metric of METRICS) {
        const questions = questionsOf(data, queries, rankings[metric]);
        for (const column of COLUMNS) {
          const file = path.join(directory, `${data.name}-${metric}-${column}.jvdb`);
          store(file, data, metric, column);
          for (const level of levels) {
            const answer = await level.compare({ file, metric, questions });
            report.add(`${data.name} ${metric} ${column} ${level.name}`, questions, answer);
          }
          rmSync(file);
        }
      }
    }
    report.end(repeat);
  } finally {
    for (const level of levels) level[Symbol.dispose]();
    rmSync(directory, { recursive: true, force: true });
  }
}

void main();

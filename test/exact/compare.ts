/**
 * One SIMD level: a process of its own, since the level is chosen once in each. It opens the databases it
 * is sent, searches them in every way there is, and answers with what differs from the reference.
 */
import { type DistanceMetric, MemoryMappedVectorStore, type SearchHit, type VectorId } from '../../lib/index.js';

/** A query and what it must find. */
export interface Question {
  name: string;
  vector: Float32Array;
  topK: number;
  ids: readonly VectorId[];
  scores: Float64Array;
}

/** What the process is sent. */
export interface Job {
  file: string;
  metric: DistanceMetric;
  questions: readonly Question[];
}

/** A wrong answer. */
export interface Difference {
  question: number;
  text: string;
}

/** What the process answers: a difference for each question at most. */
export type Answer = readonly Difference[];

type Way = (store: MemoryMappedVectorStore, questions: readonly Question[]) => Promise<SearchHit[][]>;

const ways: Record<string, Way> = {
  search: (store, questions) => Promise.all(questions.map(({ vector, topK }) => store.search(vector, { topK }))),

  searchSync: (store, questions) =>
    Promise.resolve(questions.map(({ vector, topK }) => store.searchSync(vector, { topK }))),

  // A batch has one topK.
  async searchBatch(store, questions) {
    const answers: SearchHit[][] = [];
    for (const topK of new Set(questions.map((question) => question.topK))) {
      const places = [...questions.keys()].filter((place) => questions[place]!.topK === topK);
      const vectors = places.map((place) => questions[place]!.vector);
      const found = await store.searchBatch(vectors, { topK });
      places.forEach((place, i) => (answers[place] = found[i] ?? []));
    }
    return answers;
  },
};

function shown(hit: { id: VectorId; score: number } | undefined): string {
  return hit === undefined ? 'missing' : `${hit.id} with ${hit.score}`;
}

/** What is wrong with an answer, undefined where it is right to the last bit. */
function difference(hits: readonly SearchHit[], { ids, scores }: Question, metric: DistanceMetric): string | undefined {
  for (let i = 0; i < Math.max(hits.length, ids.length); i++) {
    const hit = hits[i];
    const id = ids[i];
    const wanted = id === undefined ? undefined : { id, score: scores[i]! };
    const same = hit !== undefined && hit.id === wanted?.id && Object.is(hit.score, wanted.score);
    if (!same) return `hit ${i + 1} is ${shown(hit)}, must be ${shown(wanted)}`;
    const distance = metric === 'cosine' ? 1 - hit.score : 0 - hit.score;
    if (!Object.is(hit.distance, distance)) return `hit ${i + 1} has distance ${hit.distance}, must have ${distance}`;
  }
  return undefined;
}

async function compare({ file, metric, questions }: Job): Promise<Answer> {
  using store = MemoryMappedVectorStore.open(file, { readOnly: true });
  const wrong = new Map<number, string>();
  for (const [name, way] of Object.entries(ways)) {
    const answers = await way(store, questions);
    questions.forEach((question, place) => {
      const text = difference(answers[place] ?? [], question, metric);
      if (text !== undefined && !wrong.has(place)) wrong.set(place, `${name}: ${text}`);
    });
  }
  return Array.from(wrong, ([question, text]) => ({ question, text }));
}

process.on('message', (job: Job) => {
  void compare(job).then((answer) => process.send?.(answer));
});

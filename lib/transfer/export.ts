/** Vectors from a store into files of other formats. Threads: as the store's. */
import { checkKeys, flag, invalid } from '../arguments.js';
import { formatNamed, formatsOfName, type FormatName } from '../formats/recognise.js';
import { writeTo, type ExportSink } from '../formats/sink.js';
import type { Batch, Format, OutTable } from '../formats/types.js';
import type { MemoryMappedVectorStore } from '../store.js';
import { COLUMNS } from '../store-reader.js';
import { Teller } from './teller.js';
import type { ExportOptions, ExportReport } from './types.js';

const KEYS = ['format', 'signal', 'onProgress', 'gzip', 'overwrite', 'name'];

/**
 * Exports all vectors of a store, as of this call, in the order of their last write. What is written meanwhile
 * isn't in it. Memory is bounded by a few batches.
 *
 * @param store - what to export; `readOnly` works beside a writer in another process
 * @param sink - a path, '-' for standard output, or a stream, which is not ended. A file gets its name when it
 *   is whole
 * @param options - see `ExportOptions`
 * @returns a promise of what was written
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where the format can't hold what the store has; `JVDB_EXISTS`,
 *   `JVDB_NO_SPACE`, `JVDB_IO`
 */
export async function exportVectors(
  store: MemoryMappedVectorStore<object>,
  sink: ExportSink,
  options: ExportOptions = {},
): Promise<ExportReport> {
  checkKeys(options, KEYS, 'options of exportVectors');
  const format = formatFor(sink, options.format);
  const began = performance.now();
  const table = new StoreTable(store, options.name ?? 'vectors');
  let bytes = 0;
  const teller = new Teller(options, () => ({
    doneBytes: bytes,
    totalBytes: 0,
    records: table.done,
    totalRecords: table.count,
  }));
  try {
    options.signal?.throwIfAborted();
    teller.tell();
    const given = typeof sink === 'string' ? sink : '';
    await writeTo(sink, stepping(format.write(only(table)), teller), {
      gzip: flag(options.gzip, 'gzip') ?? given.toLowerCase().endsWith('.gz'),
      overwrite: flag(options.overwrite, 'overwrite') ?? false,
      onBytes: (more) => {
        bytes += more;
      },
    });
  } finally {
    table.end();
  }
  teller.tell();
  return { format: format.name as FormatName, records: table.done, bytes, durationMs: performance.now() - began };
}

type WritableFormat = Format & { write: NonNullable<Format['write']> };

function formatFor(sink: ExportSink, name: FormatName | undefined): WritableFormat {
  const [format] = name === undefined ? formatsOfName(typeof sink === 'string' ? sink : '') : [formatNamed(name)];
  if (format === undefined) {
    throw invalid(
      `the format of ${typeof sink === 'string' ? sink : 'a stream'} can't be told by its name; name it by the option format`,
    );
  }
  if (format.write === undefined)
    throw invalid(`${format.name} is only read; name another format by the option format`);
  return format as WritableFormat;
}

async function* only(table: OutTable): AsyncGenerator<OutTable> {
  yield await Promise.resolve(table);
}

async function* stepping(pieces: AsyncIterable<Uint8Array>, teller: Teller): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    teller.step();
    yield piece;
  }
}

/** A store as of now, as formats take it. */
class StoreTable implements OutTable {
  readonly name: string;
  readonly dimension: number;
  readonly distanceMetric;
  readonly idType;
  readonly count: number;
  readonly #columns;
  done = 0;

  constructor(store: MemoryMappedVectorStore<object>, name: string) {
    this.name = name;
    this.dimension = store.dimension;
    this.distanceMetric = store.metric;
    this.idType = store.idType;
    this.#columns = store[COLUMNS]();
    this.count = this.#columns.count;
  }

  end(): void {
    this.#columns.end();
  }

  async *rows(): AsyncGenerator<Batch> {
    for (;;) {
      const [ids, metadata, , , vectors] = await this.#columns.next();
      if (ids.length === 0) return;
      this.done += ids.length;
      // Where there is none the addon leaves a hole.
      const hasMetadata = metadata.some((one) => one !== undefined);
      yield {
        count: ids.length,
        ids,
        vectors: new Float32Array(vectors),
        metadata: hasMetadata ? Array.from(metadata) : undefined,
      };
    }
  }
}

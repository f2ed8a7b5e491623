/** jvdb inspect */
import type { Command } from 'commander';
import { inspectFile } from '../../inspect/inspect.js';
import type { ExtentPart, HeaderPart, Inspection, RecordPart, SuperblockPart } from '../../inspect/types.js';
import { wholeNumber } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import { jobsOf, sizeOf } from '../files.js';
import { bytes, type Cell } from '../output.js';
import { tellErrors } from '../told.js';

interface Options extends GlobalOptions {
  records?: boolean;
  limit: number;
  quick?: boolean;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .argument('<file>', 'a database or an increment of a backup, whole or damaged')
    .option('--records', 'print the records too')
    .option('--limit <n>', 'so many of them', wholeNumber(1, 1_000_000), 100)
    .option('--quick', 'without the bytes of vectors, codes, ids and metadata')
    .addHelpText(
      'after',
      '\nReads the bytes as docs/format.md describes them, without the engine; nothing is changed. What is damaged is\nshown, and is no failure: jvdb verify has an exit status for that.\n\nExample:\n  jvdb inspect damaged.jvdb --records --limit 20',
    )
    .action(async (file: string, options: Options) => {
      const run = context(options);
      const report = await inspectFile(file, {
        ...jobsOf(run, [sizeOf(file)])(0),
        records: options.records === true ? options.limit : 0,
        deep: options.quick !== true,
      });
      if (options.json === true) run.output.record({ ...report });
      else print(run, report, options.records === true);
    });
}

function print(run: Context, report: Inspection, withRecords: boolean): void {
  const { output } = run;
  const { headers } = report;
  const first = headers.find(({ status }) => status === 'whole') ?? headers[0];
  output.record({ ...totals(report), ...(first === undefined ? {} : identity(first)) });
  const section = (title: string, rows: Record<string, Cell>[]): void => {
    output.done(`\n${title}`, {});
    output.table(rows, 'none');
  };
  section('Headers', headers.map(headerRow));
  section('Superblocks', report.superblocks.map(superblockRow));
  section('Extents', report.extents.map(extentRow));
  if (report.extents.length < report.extentCount) {
    output.done(`and ${report.extentCount - report.extents.length} more`, {});
  }
  if (withRecords) section('Records', report.records.map(recordRow));
  if (withRecords && report.records.length < report.recordCount) {
    output.done(`and ${report.recordCount - report.records.length} more`, {});
  }
  tellErrors(run, 'Errors', report.errors, report.errorCount);
}

function totals(report: Inspection): Record<string, unknown> {
  const { recordCount, putCount, deleteCount, vectorCount, deadCount } = report;
  return {
    file: report.path,
    whole: report.ok ? 'yes' : `no, ${report.errorCount} errors`,
    size: `${report.fileBytes} bytes (${bytes(report.fileBytes)})`,
    vectors: vectorCount === undefined ? undefined : `${vectorCount}, ${deadCount ?? 0} dead, at the last flush`,
    records: `${recordCount}: ${putCount} puts, ${deleteCount} deletes`,
    dropped: report.droppedRecords > 0 ? `${report.droppedRecords} of an unfinished group` : undefined,
    lsn: `${report.lastLsn}, durable up to ${report.durableLsn ?? 'unknown'}`,
    room: `${report.capacity} vectors in ${report.extentCount} extents`,
    checked: bytes(report.bytes),
  };
}

function identity(header: HeaderPart): Record<string, unknown> {
  const { kind, databaseId, dimension, metric, idType, scanColumn, createdAt, version } = header;
  return { kind, version, id: databaseId, dimension, metric, ids: idType, codes: scanColumn, created: createdAt };
}

function headerRow({ offset, status, version, vectorCount }: HeaderPart): Record<string, Cell> {
  return { offset, status, version, vectorsAtClosing: vectorCount };
}

function superblockRow(block: SuperblockPart): Record<string, Cell> {
  const { offset, status, used, generation, durableLsn, durableAt, epoch, epochStartLsn, extentCount, clean } = block;
  return {
    ...{ offset, status, used: used ? 'yes' : 'no', generation, durableLsn, durableAt, epoch, epochStartLsn },
    ...{ extents: extentCount, floorLsn: block.historyFloorLsn, floorRecords: block.floorRecords },
    closed: clean === undefined ? undefined : clean ? 'in order' : 'no',
  };
}

function extentRow(extent: ExtentPart): Record<string, Cell> {
  const { number, offset, status, baseLsn, epoch, length } = extent;
  const share = (used: number | undefined, all: number | undefined): string => `${used ?? 0}/${all ?? 0}`;
  return {
    ...{ number, offset, status, length, baseLsn, epoch },
    records: share(extent.recordsUsed, extent.records),
    slots: share(extent.slotsUsed, extent.slots),
    heap: share(extent.heapUsed, extent.heapBytes),
    ...{ vectorsAt: extent.vectorsOffset, codesAt: extent.codesOffset, heapAt: extent.heapOffset },
  };
}

function recordRow(record: RecordPart): Record<string, Cell> {
  const { offset, status, extent, lsn, operation, id, time, more, vectorOffset, norm, vector, code, heap } = record;
  return {
    ...{ offset, status, extent, lsn, operation, id, time },
    group: more === true ? 'goes on' : undefined,
    vectorAt: operation === 'put' ? vectorOffset : undefined,
    ...{ norm, metadata: record.metadataBytes, vector, code, heap },
  };
}

/** The parts that stand between Parquet's bytes and hyparquet: what would be endless or without bound is an error. */
import { CODECS, codecNamed, unpackLz4Block } from '../../../lib/formats/columns/codecs.js';
import { bitsFor, checkDeltas, readHybrid } from '../../../lib/formats/parquet/levels.js';
import { Malformed } from '../../../lib/formats/malformed.js';
import { pageHeader, readPageHeader, ThriftReader } from '../../../lib/formats/parquet/thrift.js';
import { isoTime, jsonInteger } from '../../../lib/formats/columns/rows.js';

describe('snappy', () => {
  const unpack = (hex: string, size: number): string => codecNamed('SNAPPY')(Buffer.from(hex, 'hex'), size).toString();

  test('literals and repetitions', () => {
    expect(unpack('0508' + '616263' + '0503', 8)).toBe('abcabcab');
    expect(unpack('01' + 'f000' + '61', 1)).toBe('a');
    expect(unpack('', 0)).toBe('');
  });

  test.each([
    ['a length below 0, which led back to where it began', '05fcfbffffff', 5],
    ['a length beyond the end', '05' + '1061', 5],
    ['a repetition of nothing', '05' + '0061' + '0500', 5],
    ['of what was before the beginning', '05' + '0061' + '0505', 5],
    ['too much', '01' + '046162', 1],
    ['too little', '02' + '0061', 2],
  ])('%s', (_, hex, size) => {
    expect(() => unpack(hex, size)).toThrow(Malformed);
  });
});

test('lz4: overlapping repetitions; what is too much, or before the beginning', () => {
  const unpack = (hex: string, size: number): string => {
    const out = Buffer.alloc(size);
    return out.toString('latin1', 0, unpackLz4Block(Buffer.from(hex, 'hex'), out, 0));
  };
  expect(unpack('24' + '6162' + '0200' + '1063', 11)).toBe('ababababab' + 'c');
  expect(() => unpack('24' + '6162' + '0200' + '1063', 9)).toThrow(Malformed);
  expect(() => unpack('1f' + '61' + '0200' + '00', 99)).toThrow(Malformed);
  expect(() => unpack('f0' + 'ff'.repeat(50), 99)).toThrow(Malformed);
  expect(() => CODECS['LZ4_RAW']!(Buffer.from('1061', 'hex'), 2)).toThrow('unpacks to 1 bytes, not 2');
});

describe('packed integers', () => {
  const read = (hex: string, bits: number, count: number): number[] => {
    const bytes = Buffer.from(hex, 'hex');
    const out = new Int32Array(count);
    readHybrid(bytes, 0, bytes.length, bits, out);
    return [...out];
  };

  test('of all widths', () => {
    for (let bits = 1; bits <= 32; bits++) {
      const values = Array.from({ length: 8 }, (_, i) => Math.floor((2 ** bits - 1) / (i + 1)) | 0);
      let all = 1n; // a bit above, to keep zeros
      for (const value of [...values].reverse()) all = (all << BigInt(bits)) | BigInt.asUintN(bits, BigInt(value));
      const digits = all
        .toString(16)
        .slice(1)
        .padStart(2 * bits, '0');
      const little = Buffer.from(digits, 'hex').reverse().toString('hex');
      expect(read(`03${little}`, bits, 8)).toEqual(values);
      expect(read(`03${little}`, bits, 5)).toEqual(values.slice(0, 5));
    }
    expect(read('0605' + '0302', 3, 5).slice(0, 3)).toEqual([5, 5, 5]);
    expect(read('', 0, 3)).toEqual([0, 0, 0]);
    expect([1, 2, 3, 4].map(bitsFor)).toEqual([1, 2, 2, 3]);
  });

  test('a run of 2^30 fills what there is room for', () => {
    expect(read('808080800807', 3, 4)).toEqual([7, 7, 7, 7]);
  });

  test.each([
    ['0601', 3, 4, 'end after 3 of 4'],
    ['03', 3, 8, 'end after 0 of 8'],
    ['0001', 3, 8, 'a run of none'],
    ['ffffffffffffffffff01', 3, 8, 'end after 0 of 8'],
    ['0601', 33, 8, 'values of 33 bits'],
  ])('%s', (hex, bits, count, message) => {
    expect(() => read(hex, bits, count)).toThrow(message);
  });
});

test('differences', () => {
  const check = (hex: string, count: number): number => checkDeltas(Buffer.from(hex, 'hex'), 0, count);
  // 3 values of 8 in a block, in one part: the smallest difference, a width of 8 bits, 8 bytes.
  expect(check('0801' + '03' + '02' + '00' + '08' + '0102000000000000' + 'ff', 3)).toBe(14);
  expect(check('0801' + '01' + '02', 1)).toBe(4);
  for (const [hex, count] of [
    ['0801' + '04' + '02', 3],
    ['0800' + '03' + '02', 3],
    ['0701' + '03' + '02', 3],
    ['0801' + '03' + '02' + '00' + '41', 3],
    ['0801' + '03' + '02' + '00' + '08' + '01', 3],
    ['ff'.repeat(100), 3],
    ['0801' + '03', 3],
  ] as const) {
    expect(() => check(hex, count)).toThrow(Malformed);
  }
});

describe('headers', () => {
  const pass = (bytes: Uint8Array): void => {
    new ThriftReader(bytes).struct();
  };

  test('what is written is read', () => {
    const header = readPageHeader(new ThriftReader(pageHeader(2 ** 28, 9, 2 ** 25)));
    expect(header).toMatchObject({ type: 0, size: 2 ** 28, packedSize: 2 ** 28, values: 2 ** 25, encoding: 9 });
  });

  test.each([
    ['structs in structs', Buffer.alloc(1000, 0x1c)],
    ['lists in lists', Buffer.from(`19${'19'.repeat(1000)}`, 'hex')],
    ['a list of 2^31 values that take no room', Buffer.from('19fcffffffff07', 'hex')],
    ['a number of 1000 bytes', Buffer.from(`16${'ff'.repeat(1000)}`, 'hex')],
    ['a text beyond the end', Buffer.from('18ff01', 'hex')],
    ['a type that does not exist', Buffer.from('1d', 'hex')],
    ['nothing', Buffer.alloc(0)],
  ])('%s', (_, bytes) => {
    expect(() => {
      pass(bytes);
    }).toThrow(Malformed);
  });
});

test('moments and large integers as text', () => {
  expect(isoTime(-1n, 1_000_000_000n)).toBe('1969-12-31T23:59:59.999999999Z');
  expect(isoTime(1500n, 1000n)).toBe('1970-01-01T00:00:01.500Z');
  expect(isoTime(1_500_000n, 1_000_000n)).toBe('1970-01-01T00:00:01.500Z');
  expect(isoTime(2n ** 62n, 1n)).toBe(`${2n ** 62n}`);
  expect(jsonInteger(2n ** 53n)).toBe('9007199254740992');
  expect(jsonInteger(-5n)).toBe(-5);
});

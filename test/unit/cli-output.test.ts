/** What the command line prints: on a terminal and elsewhere, for people and for machines. */
import { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { vectorOf } from '../../lib/cli/arguments.js';
import { bytes, duration, errorLine, Output, Shown, size, UsageError, type Cell } from '../../lib/cli/output.js';
import { JvdbError } from '../../lib/index.js';

const bold = (text: string): string => `\u001b[1m${text}\u001b[22m`;

interface Where {
  json?: boolean;
  isTTY?: boolean;
}

/** What is written to standard output and error, on a terminal or not. */
function printed(print: (output: Output) => void, { json = false, isTTY = false }: Where = {}): object {
  const texts = { out: '', err: '' };
  const streamOf = (name: 'out' | 'err'): WriteStream => {
    const write = (chunk: Buffer, _: string, done: () => void): void => {
      texts[name] += chunk.toString();
      done();
    };
    return Object.assign(new Writable({ write }), { isTTY }) as unknown as WriteStream;
  };
  print(new Output(json, streamOf('out'), streamOf('err')));
  return texts;
}

const table = (rows: readonly Record<string, Cell>[], where?: Where): object =>
  printed((output) => {
    output.table(rows, 'no rows');
  }, where);

const records = (all: readonly Record<string, unknown>[], where?: Where): object =>
  printed((output) => {
    output.records(all);
  }, where);

const ROWS = [
  { id: 7, score: new Shown(0.123456789, '0.123457'), at: new Date(0), ok: true },
  { id: 2n ** 60n, score: new Shown(-1, '-1.000000'), at: undefined, ok: false },
];

test('tables align numbers to the right', () => {
  expect(table(ROWS)).toEqual({
    out:
      '                 id      score  at                        ok\n' +
      '                  7   0.123457  1970-01-01T00:00:00.000Z  true\n' +
      '1152921504606846976  -1.000000                            false\n',
    err: '',
  });
  expect(table(ROWS, { json: true, isTTY: true })).toEqual({
    out:
      '[{"id":7,"score":0.123456789,"at":"1970-01-01T00:00:00.000Z","ok":true},' +
      '{"id":"1152921504606846976","score":-1,"ok":false}]\n',
    err: '',
  });
  expect(table([])).toEqual({ out: 'no rows\n', err: '' });
});

test('records have a line for each property, or are JSON', () => {
  const vector = new Float32Array([0.1, -16777216, 3.4028234e38, 1.1754944e-38, 1 / 3]);
  const all = [
    { id: 'a\u009b1\n', vector, none: undefined },
    { id: 1, bytes: size(1536), of: { big: 2n ** 53n } },
  ];
  expect(records(all)).toEqual({
    out:
      'id      a\\u009b1\\u000a\nvector  [0.1,-16777216,3.4028235e+38,1.1754944e-38,0.33333334]\n\n' +
      'id     1\nbytes  1.5 KiB\nof     {"big":"9007199254740992"}\n',
    err: '',
  });
  expect(records(all, { json: true })).toEqual({
    out:
      '[{"id":"a\u009b1\\n","vector":[0.1,-16777216,3.4028235e+38,1.1754944e-38,0.33333334]},' +
      '{"id":1,"bytes":1536,"of":{"big":"9007199254740992"}}]\n',
    err: '',
  });
});

test('columns of wide letters and joined ones stand one below the other', () => {
  const ids = ['ab', '日本', 'ﾊﾝ', 'e\u0301', '한글', '👩‍👩‍👧', 'ＡＢ', '\u200b'];
  const rows = ids.map((id) => ({ id, 名: 'x', end: 1 }));
  expect(table(rows)).toEqual({
    out:
      'id    名  end\nab    x     1\n日本  x     1\nﾊﾝ    x     1\ne\u0301     x     1\n한글  x     1\n' +
      '👩‍👩‍👧    x     1\nＡＢ  x     1\n\u200b      x     1\n',
    err: '',
  });
});

test('what JSON has no number for is text', () => {
  const values = {
    nan: NaN,
    vector: new Float32Array([NaN, Infinity, -Infinity, 0.1]),
    score: new Shown(-Infinity, 'x'),
  };
  expect(records([values], { json: true })).toEqual({
    out: '[{"nan":"NaN","vector":["NaN","Infinity","-Infinity",0.1],"score":"-Infinity"}]\n',
    err: '',
  });
});

describe('terminals', () => {
  const { env } = process;
  afterEach(() => {
    process.env = env;
  });

  test.each([
    [{}, true, true],
    [{ NO_COLOR: '' }, true, true],
    [{ NO_COLOR: '1' }, true, false],
    [{ TERM: 'dumb' }, true, false],
    [{}, false, false],
  ])('with %j, on a terminal: %p', (variables, isTTY, coloured) => {
    process.env = { TERM: 'xterm', ...variables };
    expect(table([{ id: 1 }], { isTTY })).toEqual({ out: coloured ? `${bold('id')}\n 1\n` : 'id\n 1\n', err: '' });
  });

  test('progress shows on a terminal only, and goes before what is printed', () => {
    const work = (output: Output): void => {
      output.progress({ done: 1, total: 4, unit: 'records' });
      output.done('all of it', { records: 4 });
    };
    process.env = { TERM: 'xterm' };
    expect(printed(work)).toEqual({ out: 'all of it\n', err: '' });
    expect(printed(work, { isTTY: true })).toEqual({ out: 'all of it\n', err: '\r\u001b[K25 %\r\u001b[K' });
    process.env = { TERM: 'dumb' };
    expect(printed(work, { isTTY: true })).toEqual({ out: 'all of it\n', err: '' });
    expect(printed(work, { json: true })).toEqual({ out: '{"records":4}\n', err: '' });
  });
});

test('amounts have units', () => {
  expect([0, 1023, 1024, 102_400, 5 * 2 ** 30, 2 ** 52].map(bytes)).toEqual([
    ...['0 B', '1023 B', '1.0 KiB', '100 KiB', '5.0 GiB', '4096 TiB'],
  ]);
  expect([0.04, 9.96, 59.4, 200, 7500].map(duration)).toEqual(['0.0 s', '10.0 s', '59 s', '3 min 20 s', '2 h 5 min']);
});

test('an error is a line', () => {
  expect(errorLine(new JvdbError('JVDB_IO', 'no\n  disk'))).toBe('jvdb: JVDB_IO: no disk');
  expect(errorLine(new UsageError('what?'))).toBe('jvdb: what?');
  expect(errorLine(new UsageError('no \u001b[2Jscreen\t'))).toBe('jvdb: no \\u001b[2Jscreen\\u0009');
});

test('vectors are lists with brackets or without', () => {
  for (const text of ['[1, -2.5,3e2]', '1,-2.5,300', ' 1 -2.5\n300 ', '[ 1 , -2.5 ,300 ]']) {
    expect(vectorOf(text)).toEqual([1, -2.5, 300]);
  }
  for (const text of ['', '[]', '[1, 2', '1,,2', '1,2,', '[[1]]', '1 Infinity', '1;2', 'null']) {
    expect(() => vectorOf(text)).toThrow(UsageError);
  }
});

/**
 * The command line: finds the command, reads its arguments, tells what went wrong in one line. Exit status: 0 done,
 * 1 failed, 2 wrong usage. Threads: one.
 */
import { Command, CommanderError, Option } from 'commander';
import { systemError } from '../directories.js';
import { COMMANDS, type CommandEntry } from './commands/index.js';
import { Context, type GlobalOptions } from './context.js';
import { errorLine, escaped, UsageError } from './output.js';

/**
 * Runs a command.
 *
 * @param args - what follows the program's name
 * @param version - of the package
 * @returns a promise of the exit status
 */
export async function main(args: readonly string[], version: string): Promise<number> {
  const stop = new AbortController();
  let signalled: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signalled !== undefined) process.exit(1); // the second time at once: what is in the file is whole
    signalled = signal;
    stop.abort(new UsageError(`stopped by ${signal}; what was done until then is whole`));
  };
  // Else Node would end it as if all were done.
  const onIdle = (): void => {
    process.stderr.write('jvdb: ended before the work was done, waiting for nothing; please report this\n');
    process.exitCode = 1;
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).once('beforeExit', onIdle);
  // A reader that has enough, such as head, ends the program like any other.
  process.stdout.on('error', cannotPrint);
  process.stderr.on('error', () => undefined); // nobody is left to tell
  let context: Context | undefined;
  try {
    await run(args, version, (options) => (context = new Context(options, stop.signal)));
    return 0;
  } catch (thrown) {
    context?.output.clear();
    return failed(thrown, stop.signal);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('beforeExit', onIdle);
  }
}

function cannotPrint(error: NodeJS.ErrnoException): never {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`${errorLine(systemError('write to standard output', error))}\n`);
  process.exit(1);
}

type MakeContext = (options: GlobalOptions) => Context;

async function run(args: readonly string[], version: string, context: MakeContext): Promise<void> {
  const program = new Command('jvdb')
    .description('Databases of vectors in memory-mapped files: create, fill, search, look after them.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .configureOutput({
      outputError: (text, write) => {
        const lines = text.replace(/^error: /, '').split('\n'); // a suggestion has one of its own
        write(`jvdb: ${lines.map(escaped).join('\n')}`);
      },
    })
    .exitOverride();
  const wanted = args.find((one) => COMMANDS.some(({ name }) => name === one));
  for (const entry of COMMANDS) await add(program, entry, entry.name === wanted, context);
  await program.parseAsync([...args], { from: 'user' });
}

async function add(program: Command, entry: CommandEntry, isWanted: boolean, context: MakeContext): Promise<void> {
  const command = program.command(entry.name).description(entry.summary).copyInheritedSettings(program);
  if (!isWanted) return; // its module isn't even loaded
  command
    .addOption(new Option('-s, --storage <dir>', 'directory of the databases').env('JVDB_STORAGE'))
    .option('--json', 'print JSON');
  const module = await entry.load();
  module.define(command, context);
}

function failed(thrown: unknown, signal: AbortSignal): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2; // it has said why
  process.stderr.write(`${errorLine(signal.aborted ? signal.reason : thrown)}\n`);
  return thrown instanceof UsageError && !signal.aborted ? 2 : 1;
}

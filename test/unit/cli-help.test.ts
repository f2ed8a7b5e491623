/** The help of each command. */
import { Command } from 'commander';
import { COMMANDS } from '../../lib/cli/commands/index.js';

test.each(COMMANDS.map((entry) => [entry.name, entry] as const))('%s has help with an example', async (name, entry) => {
  let help = '';
  const program = new Command('jvdb').configureOutput({ writeOut: (text) => (help += text) });
  const command = program.command(name).description(entry.summary).copyInheritedSettings(program);
  (await entry.load()).define(command, () => {
    throw new Error('help runs nothing');
  });
  command.outputHelp();
  expect(help).toMatch(new RegExp(`^Usage: jvdb ${name} \\[options\\]`));
  expect(help).toMatch(new RegExp(`\nExamples?:\n(  .*\n)*?  (.* \\| )?jvdb ${name} `));
});

test('names and summaries differ', () => {
  expect(new Set(COMMANDS.map(({ name }) => name)).size).toBe(COMMANDS.length);
  expect(new Set(COMMANDS.map(({ summary }) => summary)).size).toBe(COMMANDS.length);
});

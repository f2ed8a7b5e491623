/** jvdb completion */
import { Argument, Command } from 'commander';
import { completionScript, SHELLS, type Shell } from '../completion.js';
import type { Context, GlobalOptions } from '../context.js';
import { COMMANDS } from './index.js';

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  // Those of all commands: this one has no others.
  const shared = [...command.options];
  command
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(jvdb completion bash)\n  jvdb completion fish > ~/.config/fish/completions/jvdb.fish',
    )
    .action(async (shell: Shell, options: GlobalOptions) => {
      const commands = await Promise.all(
        COMMANDS.map(async ({ name, summary, load }) => {
          const one = new Command(name).description(summary);
          for (const option of shared) one.addOption(option);
          (await load()).define(one, context);
          return one;
        }),
      );
      const script = completionScript(shell, commands);
      context(options).output.done(script.trimEnd(), { shell, script });
    });
}

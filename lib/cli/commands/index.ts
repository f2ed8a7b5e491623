/** All commands: what they are called, what they do in a line, and the module that has each, loaded when it is used. */
import type { Command } from 'commander';
import type { Context, GlobalOptions } from '../context.js';

/** The module of a command. */
export interface CommandModule {
  /**
   * Adds arguments, options, an example and the action to a command.
   *
   * @param command - that has its name, its summary and the options of all
   * @param context - makes the context of one run
   */
  define(command: Command, context: (options: GlobalOptions) => Context): void;
}

/** A command. */
export interface CommandEntry {
  name: string;
  summary: string;
  load: () => Promise<CommandModule>;
}

/** All commands, in the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  { name: 'create', summary: 'create a database', load: () => import('./create.js') },
];

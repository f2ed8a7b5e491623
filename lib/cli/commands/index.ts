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
  { name: 'import', summary: 'store what is in a file of another format', load: () => import('./import.js') },
  { name: 'export', summary: 'write databases to a file of another format', load: () => import('./export.js') },
  { name: 'drop', summary: 'delete a database', load: () => import('./drop.js') },
  { name: 'insert', summary: 'store a vector', load: () => import('./insert.js') },
  { name: 'batch-insert', summary: 'store many vectors', load: () => import('./batch-insert.js') },
  { name: 'get', summary: 'print vectors by their ids', load: () => import('./get.js') },
  { name: 'update', summary: 'change a vector, its metadata or both', load: () => import('./update.js') },
  { name: 'delete', summary: 'delete vectors', load: () => import('./delete.js') },
  { name: 'query', summary: 'find the vectors most like one', load: () => import('./query.js') },
  { name: 'count', summary: 'count vectors', load: () => import('./count.js') },
  { name: 'list', summary: 'list the databases', load: () => import('./list.js') },
  { name: 'info', summary: 'print what a database is', load: () => import('./info.js') },
  { name: 'stats', summary: 'print figures of a database, or of all', load: () => import('./stats.js') },
  { name: 'verify', summary: 'look for damage in databases, a file or backups', load: () => import('./verify.js') },
  { name: 'salvage', summary: 'copy what is whole out of a damaged file', load: () => import('./salvage.js') },
  {
    name: 'compact',
    summary: 'give back the space of replaced and deleted vectors',
    load: () => import('./compact.js'),
  },
  { name: 'backup', summary: 'back up databases, while they are in use', load: () => import('./backup.js') },
  { name: 'backups', summary: 'list backups', load: () => import('./backups.js') },
  { name: 'restore', summary: 'make databases of backups', load: () => import('./restore.js') },
  {
    name: 'migrate',
    summary: 'make databases of the old server, or of others, into new files',
    load: () => import('./migrate.js'),
  },
  { name: 'inspect', summary: 'show what a file is made of, byte by byte', load: () => import('./inspect.js') },
  {
    name: 'estimate',
    summary: 'compute disk and memory before there is any data',
    load: () => import('./estimate.js'),
  },
  { name: 'bench', summary: 'measure this machine, and test it', load: () => import('./bench.js') },
  { name: 'completion', summary: 'print the completion script of a shell', load: () => import('./completion.js') },
];

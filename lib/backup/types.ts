/** What a backup directory keeps, takes and gives. */
import type { JvdbError } from '../errors.js';
import type { BackupReport, JobOptions, RestoreOptions, RestoreReport, VerifyError } from '../upkeep-types.js';

/** One backup of a database. */
export interface BackupInfo extends Omit<BackupReport, 'durationMs'> {
  /** Names the backup in its directory. */
  id: string;
  /** The database's name. */
  name: string;
  /** Its place among the database's backups: each has a higher one than those before it, whatever the clock says. */
  sequence: number;
  /** When it was made. */
  createdAt: Date;
  /** The backup that an increment follows; undefined of a whole copy. */
  base: string | undefined;
}

/** Options of `BackupDirectory.backup`. */
export interface BackupRunOptions extends JobOptions {
  /**
   * 'full': a whole copy. 'incremental': what followed the last backup. 'auto': an increment where there is
   * something that it can follow, and fewer than `maxIncrements` follow that already, else a whole copy. Default
   * 'auto'.
   */
  kind?: 'auto' | 'full' | 'incremental' | undefined;
  /** How many increments follow a whole copy with kind 'auto'. Default 30. */
  maxIncrements?: number | undefined;
}

/** Options of `BackupDirectory.restore`. */
export interface BackupRestoreOptions extends RestoreOptions {
  /**
   * Up to this backup; without it, `lsn` and `time`: the newest state. It is found among the newest chain
   * of backups that has it.
   */
  backup?: string | undefined;
}

/** What `BackupDirectory.restore` made, and of what. */
export interface BackupRestoreReport extends RestoreReport {
  /** The backups it was made of, in order. */
  backups: string[];
  /** Better ones that were passed over, since a part of each is damaged: this one. */
  skipped: { backup: string; error: JvdbError }[];
}

/** What `BackupDirectory.verify` found of one backup. */
export interface BackupVerification {
  /** Which. */
  backup: string;
  /** The database's name. */
  name: string;
  /** Whether its file is what was written, whole, and follows the one before it. */
  ok: boolean;
  /** What is wrong. */
  errors: VerifyError[];
}

/** Which backups `BackupDirectory.prune` keeps. A whole copy goes with all its increments, or stays with them. */
export interface Retention {
  /** The newest so many whole copies of a database, at least 1. Default: all. */
  keepFull?: number | undefined;
  /** Those whose last increment, or themselves, are no older than so many seconds. Default: all. */
  maxAgeSeconds?: number | undefined;
}

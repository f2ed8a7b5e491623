'use strict';
// Required by every process that QEMU runs: what it starts has to be started through QEMU, too.
process.execPath = process.env.JVDB_EXEC_PATH;

// The package as CommonJS.
require('./steps.cjs')(require('jvdb'));

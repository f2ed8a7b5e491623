'use strict';

const swc = (syntax) => ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax } }, module: { type: 'commonjs' } }];

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // These packages are ES modules only, which jest cannot load as they are.
  transform: { '^.+\\.ts$': swc('typescript'), '/hyparquet(-writer)?/.+\\.js$': swc('ecmascript') },
  transformIgnorePatterns: ['/node_modules/(?!hyparquet)'],
  // TypeScript names the file that will be there.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testTimeout: 60000,
  // Much of the time is waiting for other processes.
  maxWorkers: '100%',
};

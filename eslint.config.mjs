import js from '@eslint/js';
import jsdoc from 'eslint-plugin-jsdoc';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'build*/', 'coverage/', 'node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.mts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `const { one, ...rest }` is how the rest is had without it.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'max-lines': ['error', 400],
    },
  },
  {
    files: ['lib/**/*.ts'],
    extends: [jsdoc.configs['flat/recommended-typescript-error']],
    rules: {
      'jsdoc/require-jsdoc': [
        'error',
        { publicOnly: true, require: { ClassDeclaration: true, MethodDefinition: true } },
      ],
      'jsdoc/tag-lines': ['error', 'any', { startLines: 1 }],
      'jsdoc/check-tag-names': ['error', { definedTags: ['internal'] }],
      // What a getter is, its own sentence says.
      'jsdoc/require-returns': ['error', { checkGetters: false }],
      'jsdoc/require-throws-type': 'off',
      'jsdoc/require-yields': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // A missing value fails the test either way.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.cjs', '**/*.mjs'],
    languageOptions: { sourceType: 'commonjs', globals: { ...nodeGlobals() } },
    rules: { 'max-lines': ['error', 400] },
  },
  { files: ['**/*.mjs'], languageOptions: { sourceType: 'module' } },
);

function nodeGlobals() {
  const names = [
    '__dirname',
    'console',
    'module',
    'process',
    'require',
    'performance',
    'Buffer',
    'setTimeout',
    'setImmediate',
  ];
  return Object.fromEntries(names.map((name) => [name, 'readonly']));
}

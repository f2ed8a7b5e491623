# The build where CMake is missing: node-gyp reads the same list of sources as CMakeLists.txt.
{
  'variables': {
    'jvdb_tests%': 0,
    'jvdb_suites%': '',  # such as simd_test,store_test; empty: all
    'conditions': [
      ['OS=="win"', {'jvdb_system': 'win32'}, {'jvdb_system': 'posix'}],
    ],
    'jvdb_flags': [
      '-std=c++20', '-ffp-contract=off', '-fvisibility=hidden', '-fexceptions', '-O3',
      '-fstack-protector-strong', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2',
    ],
  },
  'target_defaults': {
    'include_dirs': ['native'],
    'defines': ['NDEBUG'],
    'cflags!': ['-fno-exceptions'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': ['<@(jvdb_flags)', '-frtti'],
    'xcode_settings': {
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'GCC_ENABLE_CPP_RTTI': 'YES',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off'],
      'MACOSX_DEPLOYMENT_TARGET': '11.0',
    },
    'msvs_settings': {
      'VCCLCompilerTool': {
        'AdditionalOptions': ['/std:c++20', '/fp:precise', '/utf-8', '/permissive-'],
        'ExceptionHandling': 1,
        'RuntimeTypeInfo': 'true',
      },
    },
    'conditions': [
      ['OS=="win"', {'defines': ['NOMINMAX', 'WIN32_LEAN_AND_MEAN', '_WIN32_WINNT=0x0A00']}],
    ],
  },
  'targets': [
    {
      'target_name': 'jvdb_core',
      'type': 'static_library',
      'sources': ['<!@(node scripts/sources.js core <(jvdb_system))'],
    },
    {
      'target_name': 'jvdb',
      'dependencies': ['jvdb_core'],
      'sources': ['<!@(node scripts/sources.js binding)'],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      'defines': [
        'NAPI_VERSION=8',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'conditions': [
        ['OS=="linux"', {
          'ldflags': [
            '-Wl,-z,nodelete', '-Wl,-z,relro,-z,now',
            '-Wl,--version-script,<(module_root_dir)/native/binding/exports.map',
          ],
        }],
      ],
    },
  ],
  'conditions': [
    ['jvdb_tests==1', {
      'targets': [
        {
          'target_name': 'jvdb_tests',
          'type': 'executable',
          'dependencies': ['jvdb_core'],
          'sources': ['<!@(node scripts/sources.js --suites=<(jvdb_suites) tests <(jvdb_system)_tests)'],
          'include_dirs': ['test/native'],
          'cflags_cc': ['-O1'],  # built for one run
          'conditions': [
            ['OS!="win"', {'libraries': ['-lpthread', '-ldl']}],
            ['OS=="linux"', {'sources': ['<!@(node scripts/sources.js --suites=<(jvdb_suites) glibc_tests)']}],
          ],
        },
      ],
    }],
  ],
}

/** Writes the completion scripts of shells from what commander knows of the commands. Threads: no state. */
import type { Command } from 'commander';

/** The shells that there are scripts for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** One of them. */
export type Shell = (typeof SHELLS)[number];

/**
 * The script of a shell.
 *
 * @param shell - which
 * @param commands - all of them, with their options
 * @returns its text
 */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands);
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

interface Flag {
  names: string[];
  description: string;
  takesValue: boolean;
  choices: readonly string[];
  /** Its value is the name of a database. */
  isDatabase: boolean;
}

function flagsOf(command: Command): Flag[] {
  const own = command.createHelp().visibleOptions(command);
  return own.map(({ short, long, description, required, optional, argChoices }) => ({
    names: [short, long].filter((name) => name !== undefined),
    description,
    takesValue: required || optional,
    choices: argChoices ?? [],
    isDatabase: long === '--database',
  }));
}

const choicesOf = (command: Command): readonly string[] => command.registeredArguments[0]?.argChoices ?? [];

// Whether it is called with the name of a database that is there.
const takesDatabase = (command: Command): boolean => command.name() === 'drop';

function bash(commands: readonly Command[]): string {
  const names = commands.map((command) => command.name()).join(' ');
  const options = commands.map((command) => {
    const flags = flagsOf(command).flatMap((flag) => flag.names);
    const words = quoted([...choicesOf(command), ...flags].join(' '));
    return `    ${command.name()}) words=${takesDatabase(command) ? '"$(_jvdb_databases) "' : ''}${words} ;;\n`;
  });
  const values = commands.flatMap((command) => bashValues(command));
  return `# Completion of jvdb for bash: source <(jvdb completion bash)
_jvdb_databases() {
  local storage="$JVDB_STORAGE" file i
  for ((i = 1; i < COMP_CWORD - 1; i++)); do
    case "\${COMP_WORDS[i]}" in -s | --storage) storage="\${COMP_WORDS[i+1]/#\\~/$HOME}" ;; esac
  done
  [[ -n $storage ]] || return
  for file in "$storage"/*.jvdb; do
    file="\${file##*/}"
    [[ $file == '*.jvdb' ]] || printf '%s\\n' "\${file%.jvdb}"
  done
}
_jvdb() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case " ${names} " in *" \${COMP_WORDS[i]} "*) command="\${COMP_WORDS[i]}"; break ;; esac
  done
  case "$command" in
    '') words='${names} help --help --version' ;;
${options.join('')}  esac
  case "$command,$before" in
${values.join('')}  esac
  COMPREPLY=()
  # Where there is nothing of ours, -o default completes files.
  if [[ $words != -* || -n $current ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -o default -F _jvdb jvdb
`;
}

// Of the options that take a value, those with the same choices in one line.
function bashValues(command: Command): string[] {
  const patterns = new Map<string, string[]>();
  for (const { names, takesValue, choices, isDatabase } of flagsOf(command)) {
    if (!takesValue) continue;
    const words = isDatabase ? '"$(_jvdb_databases)"' : quoted(choices.join(' '));
    patterns.set(words, [...(patterns.get(words) ?? []), ...names.map((name) => `${command.name()},${name}`)]);
  }
  return [...patterns].map(([words, flags]) => `    ${flags.join('|')}) words=${words} ;;\n`);
}

// What the descriptions of zsh's _arguments may not have as it is.
const zshText = (text: string): string => text.replaceAll(/[[\]:\\]/g, String.raw`\$&`);

function zsh(commands: readonly Command[]): string {
  const names = commands.map((one) => `    ${quoted(`${one.name()}:${zshText(one.description())}`)}\n`);
  const cases = commands.map((command) => {
    const specs = flagsOf(command).flatMap(({ names: flags, description, takesValue, choices, isDatabase }) => {
      const other = isDatabase ? '_jvdb_databases' : '_files';
      const value = !takesValue ? '' : `:value:${choices.length > 0 ? `(${choices.join(' ')})` : other}`;
      const others = flags.length > 1 ? `(${flags.join(' ')})` : '';
      return flags.map((flag) => quoted(`${others}${flag}[${zshText(description)}]${value}`));
    });
    const choices = choicesOf(command);
    const any = takesDatabase(command) ? '1:database:_jvdb_databases' : '*:file:_files';
    const rest = quoted(choices.length > 0 ? `1:value:(${choices.join(' ')})` : any);
    return `    ${command.name()}) _arguments ${[...specs, rest].join(' ')} ;;\n`;
  });
  return `#compdef jvdb
# Completion of jvdb for zsh: source <(jvdb completion zsh)
_jvdb_databases() {
  local storage=$JVDB_STORAGE
  local -i i=\${words[(I)(-s|--storage)]}
  (( i > 0 && i < CURRENT - 1 )) && storage=$words[i+1]
  [[ -n $storage ]] || return 1
  local -a names
  names=(\${~storage}/*.jvdb(N:t:r))
  compadd -a names
}
_jvdb() {
  local -a commands
  commands=(
${names.join('')}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local name=$words[2]
  shift words
  (( CURRENT-- ))
  case $name in
${cases.join('')}  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _jvdb "$@"; else compdef _jvdb jvdb; fi
`;
}

const FISH_DATABASES = `# Completion of jvdb for fish: jvdb completion fish | source
function __jvdb_databases
    set -l storage $JVDB_STORAGE
    set -l before
    for word in (commandline -opc)
        contains -- "$before" -s --storage; and set storage (string replace -r '^~' $HOME -- $word)
        set before $word
    end
    test -n "$storage"; or return
    for file in $storage/*.jvdb
        string replace -r '^.*/(.*)\\.jvdb$' '$1' -- $file
    end
end`;

function fish(commands: readonly Command[]): string {
  const lines = [FISH_DATABASES];
  const text = (value: string): string => `'${value.replaceAll('\\', String.raw`\\`).replaceAll("'", String.raw`\'`)}'`;
  for (const command of commands) {
    lines.push(`complete -c jvdb -n __fish_use_subcommand -f -a ${command.name()} -d ${text(command.description())}`);
  }
  for (const command of commands) {
    const when = `complete -c jvdb -n '__fish_seen_subcommand_from ${command.name()}'`;
    const choices = choicesOf(command);
    const any = takesDatabase(command) ? '(__jvdb_databases)' : choices.join(' ');
    if (any !== '') lines.push(`${when} -f -a ${text(any)}`);
    for (const { names, description, takesValue, choices: choicesOfFlag, isDatabase } of flagsOf(command)) {
      const values = isDatabase ? ['(__jvdb_databases)'] : choicesOfFlag;
      const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
      const value = !takesValue ? '' : values.length > 0 ? ` -x -a ${text(values.join(' '))}` : ' -r';
      lines.push(`${when} ${flags.join(' ')}${value} -d ${text(description)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

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
}

function flagsOf(command: Command): Flag[] {
  const own = command.createHelp().visibleOptions(command);
  return own.map(({ short, long, description, required, optional, argChoices }) => ({
    names: [short, long].filter((name) => name !== undefined),
    description,
    takesValue: required || optional,
    choices: argChoices ?? [],
  }));
}

const choicesOf = (command: Command): readonly string[] => command.registeredArguments[0]?.argChoices ?? [];

function bash(commands: readonly Command[]): string {
  const names = commands.map((command) => command.name()).join(' ');
  const options = commands.map((command) => {
    const flags = flagsOf(command).flatMap((flag) => flag.names);
    return `    ${command.name()}) words=${quoted([...choicesOf(command), ...flags].join(' '))} ;;\n`;
  });
  const values = commands.flatMap((command) => bashValues(command));
  return `# Completion of jvdb for bash: source <(jvdb completion bash)
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
  for (const { names, takesValue, choices } of flagsOf(command)) {
    if (!takesValue) continue;
    const words = choices.join(' ');
    patterns.set(words, [...(patterns.get(words) ?? []), ...names.map((name) => `${command.name()},${name}`)]);
  }
  return [...patterns].map(([words, flags]) => `    ${flags.join('|')}) words=${quoted(words)} ;;\n`);
}

// What the descriptions of zsh's _arguments may not have as it is.
const zshText = (text: string): string => text.replaceAll(/[[\]:\\]/g, String.raw`\$&`);

function zsh(commands: readonly Command[]): string {
  const names = commands.map((one) => `    ${quoted(`${one.name()}:${zshText(one.description())}`)}\n`);
  const cases = commands.map((command) => {
    const specs = flagsOf(command).flatMap(({ names: flags, description, takesValue, choices }) => {
      const value = !takesValue ? '' : choices.length > 0 ? `:value:(${choices.join(' ')})` : ':value:_files';
      const others = flags.length > 1 ? `(${flags.join(' ')})` : '';
      return flags.map((flag) => quoted(`${others}${flag}[${zshText(description)}]${value}`));
    });
    const choices = choicesOf(command);
    const rest = quoted(choices.length > 0 ? `1:value:(${choices.join(' ')})` : '*:file:_files');
    return `    ${command.name()}) _arguments ${[...specs, rest].join(' ')} ;;\n`;
  });
  return `#compdef jvdb
# Completion of jvdb for zsh: source <(jvdb completion zsh)
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

function fish(commands: readonly Command[]): string {
  const lines = ['# Completion of jvdb for fish: jvdb completion fish | source'];
  const text = (value: string): string => `'${value.replaceAll('\\', String.raw`\\`).replaceAll("'", String.raw`\'`)}'`;
  for (const command of commands) {
    lines.push(`complete -c jvdb -n __fish_use_subcommand -f -a ${command.name()} -d ${text(command.description())}`);
  }
  for (const command of commands) {
    const when = `complete -c jvdb -n '__fish_seen_subcommand_from ${command.name()}'`;
    const choices = choicesOf(command);
    if (choices.length > 0) lines.push(`${when} -f -a ${text(choices.join(' '))}`);
    for (const { names, description, takesValue, choices: values } of flagsOf(command)) {
      const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
      const value = !takesValue ? '' : values.length > 0 ? ` -x -a ${text(values.join(' '))}` : ' -r';
      lines.push(`${when} ${flags.join(' ')}${value} -d ${text(description)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

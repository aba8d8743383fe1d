import type { CompletedCommand, CompletedFlag } from './completed-commands.ts'

const ACTIONS = { files: '_files', directories: '_files -/', nothing: ' ' }

/** For zsh 5 and newer, by its own _arguments. */
export function zshCompletion(commands: readonly CompletedCommand[]): string {
  return `#compdef weft
# Completion of weft for zsh: source <(weft completion zsh), below compinit
${commands.map((command) => functionOf(command, commands)).join('\n')}
compdef _weft weft
`
}

function functionOf(command: CompletedCommand, commands: readonly CompletedCommand[]): string {
  const { path, words, flags, rest } = command
  const specs = flags.flatMap(specOf)
  const below = commands.filter(
    (one) => one.path.length === path.length + 1 && path.every((word, at) => one.path[at] === word),
  )
  const list = words.map(({ word, help }) => `      ${quoted(`${word.replaceAll(':', '\\:')}:${help}`)}`)
  const lines = [`${nameOf(path)}() {`]
  if (words.length > 0) lines.push('  local -a words_of_weft=(', ...list, '  )')
  lines.push('  local curcontext=$curcontext state line', '  _arguments -C \\')
  if (below.length > 0) lines.push("    '1: :->command' '*:: :->arguments' \\")
  else if (words.length > 0) lines.push("    '1: :->command' \\")
  else lines.push(rest ? "    '*::: :_normal' \\" : "    '*: :_files' \\")
  lines.push(specs.map((spec) => `    ${spec}`).join(' \\\n'))
  if (words.length > 0) lines.push('  case $state in', '    command) _describe command words_of_weft ;;')
  if (below.length > 0) {
    const cases = below.map((one) => `      ${one.path.at(-1)}) ${nameOf(one.path)} ;;`)
    lines.push('    arguments) case $line[1] in', ...cases, '    esac ;;')
  }
  if (words.length > 0) lines.push('  esac')
  return [...lines, '}'].join('\n')
}

/** `weft local up` is `_weft_local_up`. */
function nameOf(path: readonly string[]): string {
  return ['_weft', ...path].join('_').replaceAll('-', '_')
}

function specOf(flag: CompletedFlag): string[] {
  const { name, short, help, many, value, completes } = flag
  const text = `[${help.replaceAll(/[[\]\\]/g, '\\$&')}]`
  const action = typeof completes === 'string' ? ACTIONS[completes] : `(${completes.join(' ')})`
  const after = value === undefined ? '' : `:${value.replaceAll(':', '\\:')}:${action}`
  const names = [...(short === undefined ? [] : [`-${short}`]), `--${name}${value === undefined ? '' : '='}`]
  const others = names.map((one) => one.replace('=', '')).join(' ')
  return names.map((one) => quoted(`${many ? '*' : `(${others})`}${one}${text}${after}`))
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

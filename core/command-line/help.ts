import { basename } from 'node:path'
import { describeError } from '../errors.ts'
import { HELP_FLAG } from './description.ts'
import type { CommandDescription, FlagDescription } from './description.ts'

const WIDEST = 120
/** Labels beyond this many columns stand on a line of their own. */
const LABEL = 24

/** What is typed to run this program: a plugin of kubectl is told so by its file's name. */
export function programName(path: string = process.argv[1] ?? ''): string {
  return basename(path).replace(/\.\w+$/, '') === 'kubectl-weft' ? 'kubectl weft' : 'weft'
}

/** What `--help` of a command prints, in lines of at most `width` columns. */
export function helpText(command: CommandDescription, program = programName(), width = WIDEST): string {
  const called = `${program} ${command.name}`.trimEnd()
  const usage = command.usage.map((line, at) =>
    hanging(`${at === 0 ? 'Usage:' : '      '} ${called} ${line}`.trimEnd(), 17, width),
  )
  const parts = [
    usage.join('\n'),
    ...command.about.split('\n\n').map((paragraph) => wrapped(paragraph, width)),
    ...choicesOf(command, width),
    ...(command.subcommands ? [subcommandList(command, width)] : []),
    ...flagLists(command, width),
    ...(command.notes ?? []).map((note) => wrapped(note, width)),
    ...examplesOf(command, program),
    wrapped(`Exit code: ${command.exit}.`, width),
  ]
  return `${parts.join('\n\n')}\n`
}

/** Prints `--help`, in the width of a terminal. */
export function printHelp(command: CommandDescription): void {
  const { columns } = process.stdout
  const width = columns === undefined ? WIDEST : Math.max(60, Math.min(WIDEST, columns))
  process.stdout.write(helpText(command, programName(), width))
}

/** One line on standard error for what was typed wrongly. A question tells what to do by itself. */
export function usageProblem(command: CommandDescription, error: unknown, program = programName()): string {
  const said = describeError(error)
  const more = said.endsWith('?') ? '' : ` (${program} ${command.name} --help lists the flags)`
  return `${program} ${command.name}: ${said}${more}\n`
}

/** `-n, --namespace NAME` */
export function flagLabel(name: string, { short, value }: FlagDescription): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`
}

/** Its text, and in brackets what holds without it. */
export function flagText({ help, otherwise, default: preset }: FlagDescription): string {
  const without = otherwise ?? preset
  return without === undefined ? help : `${help} (${without})`
}

/** Flags by the titles that they stand under, in their order; --help comes last. */
export function flagSections({
  flags,
}: CommandDescription): readonly (readonly [
  title: string,
  flags: readonly (readonly [string, FlagDescription])[],
])[] {
  const sections = new Map<string, (readonly [string, FlagDescription])[]>()
  for (const entry of Object.entries(flags)) {
    const title = entry[1].section ?? ''
    sections.set(title, [...(sections.get(title) ?? []), entry])
  }
  const last = [...sections.keys()].at(-1) ?? ''
  sections.set(last, [...(sections.get(last) ?? []), ['help', HELP_FLAG]])
  return [...sections]
}

function flagLists(command: CommandDescription, width: number): string[] {
  return flagSections(command).map(([title, flags]) => {
    const rows = flags.map(([name, flag]) => [flagLabel(name, flag), flagText(flag)] as const)
    return `${title === '' ? '' : `${wrapped(title, width)}\n`}${columns(rows, width)}`
  })
}

function choicesOf(command: CommandDescription, width: number): string[] {
  return (command.arguments ?? []).flatMap(({ choices }) =>
    choices ? [columns(Object.entries(choices), width)] : [],
  )
}

function subcommandList({ subcommands = [] }: CommandDescription, width: number): string {
  const rows = subcommands.map(({ name, arguments: expected = [], summary }) => {
    const words = [name.split(' ').at(-1), ...expected.map((one) => one.name)]
    return [words.join(' '), summary] as const
  })
  return columns(rows, width)
}

function examplesOf({ examples = [] }: CommandDescription, program: string): string[] {
  if (examples.length === 0) return []
  const lines = examples.map(({ command, does }) => `  # ${does}\n  ${command.replace(/^weft\b/, program)}`)
  return [`Examples:\n${lines.join('\n')}`]
}

/** Labels at the left, texts beside them. */
export function columns(rows: readonly (readonly [string, string])[], width: number): string {
  const most = Math.max(...rows.map(([label]) => label.length))
  const column = 4 + Math.min(LABEL, most)
  return rows
    .map(([label, text]) => {
      const lines = wrapped(text, width - column).split('\n')
      const begin = `  ${label}`
      const first =
        begin.length + 2 > column ? [begin, ''.padEnd(column) + lines[0]] : [begin.padEnd(column) + lines[0]]
      return [...first, ...lines.slice(1).map((line) => ''.padEnd(column) + line)].join('\n')
    })
    .join('\n')
}

function hanging(text: string, indent: number, width: number): string {
  const [first = '', ...more] = wrapped(text.trimStart(), width - indent).split('\n')
  const lead = text.length - text.trimStart().length
  return [''.padEnd(lead) + first, ...more.map((line) => ''.padEnd(indent) + line)].join('\n')
}

/** Breaks at blanks; line ends that are there stay. */
function wrapped(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap((line) => {
      const lines: string[] = []
      let current = ''
      for (const word of line.split(' ')) {
        if (current !== '' && current.length + 1 + word.length > width) {
          lines.push(current)
          current = word
        } else current = current === '' ? word : `${current} ${word}`
      }
      return [...lines, current]
    })
    .join('\n')
}

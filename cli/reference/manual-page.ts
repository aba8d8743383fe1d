import { flagSections, flagText } from '../../core/command-line/help.ts'
import type { CommandDescription, FlagDescription } from '../../core/command-line/description.ts'

/**
 * A manual page of section 1 in man(7) macros: a command with its subcommands, or `weft` itself, whose commands have
 * pages of their own. `version` stands in its foot.
 */
export function manualPage(command: CommandDescription, version: string): string {
  const title = pageName(command)
  const nested = command.name === '' ? [] : (command.subcommands ?? [])
  const lines = [
    `.TH ${title.toUpperCase()} 1 "" "weft ${version}" "Weft"`,
    '.SH NAME',
    text(`${title} - ${command.summary}`),
    '.SH SYNOPSIS',
    ...synopsis(command),
    '.SH DESCRIPTION',
    ...paragraphs(command.about),
    ...listOfWords(command),
    ...options(command, '.SH OPTIONS', '.SS'),
    ...(command.notes ?? []).flatMap((note) => ['.PP', text(note)]),
    ...nested.flatMap(subcommand),
    ...examples(command),
    '.SH EXIT STATUS',
    text(`${command.exit}.`),
    '.SH SEE ALSO',
    command.name === ''
      ? (command.subcommands ?? []).map((one) => `.BR ${pageName(one)} (1)`).join(',\n')
      : '.BR weft (1)',
  ]
  return `${lines.join('\n')}\n`
}

/** `weft-local` */
export function pageName({ name }: CommandDescription): string {
  return ['weft', ...name.split(' ').filter(Boolean)].join('-')
}

function subcommand(command: CommandDescription): string[] {
  return [
    `.SH ${text(`weft ${command.name}`).toUpperCase()}`,
    ...synopsis(command),
    ...paragraphs(command.about),
    ...options(command, '.PP', '.PP'),
    ...(command.notes ?? []).flatMap((note) => ['.PP', text(note)]),
    ...examples(command, '.PP'),
    '.PP',
    text(`Exit code: ${command.exit}.`),
  ]
}

function synopsis({ name, usage }: CommandDescription): string[] {
  return usage.flatMap((line) => ['.PP', `.B ${text(`weft ${name}`.trimEnd())}`, text(line)])
}

function paragraphs(about: string): string[] {
  return about.split('\n\n').flatMap((paragraph) => ['.PP', text(paragraph)])
}

function listOfWords({ subcommands = [], arguments: expected = [] }: CommandDescription): string[] {
  const choices = expected.flatMap((one) => Object.entries(one.choices ?? {}))
  const below = subcommands.map((one) => [one.name.split(' ').at(-1) ?? '', one.summary] as const)
  return [...below, ...choices].flatMap(([word, said]) => ['.TP', `.B ${text(word)}`, text(said)])
}

function options(command: CommandDescription, title: string, part: string): string[] {
  const sections = flagSections(command).flatMap(([name, flags]) => [
    ...(name === '' ? [] : part === '.PP' ? ['.PP', text(name)] : [`${part} ${text(name)}`]),
    ...flags.flatMap(([flag, one]) => ['.TP', flagMacro(flag, one), text(flagText(one))]),
  ])
  return [title, ...sections]
}

function flagMacro(name: string, { short, value }: FlagDescription): string {
  const names = [...(short === undefined ? [] : [`-${short}`]), `--${name}`]
  const bold = names.map((one) => `\\fB${text(one)}\\fR`).join(', ')
  return value === undefined ? bold : `${bold} \\fI${text(value)}\\fR`
}

function examples({ examples: given = [] }: CommandDescription, title = '.SH EXAMPLES'): string[] {
  if (given.length === 0) return []
  return [title, ...given.flatMap(({ command, does }) => ['.TP', text(does), `.B ${text(command)}`])]
}

/** What roff reads as itself: a hyphen that can be copied, and no macro at the beginning of a line. */
function text(plain: string): string {
  return plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&')
}

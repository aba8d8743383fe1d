import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import type { CommandDescription } from '../core/command-line/description.ts'
import { findCommand, parseCommand } from '../core/command-line/parse.ts'
import { describeError } from '../core/errors.ts'
import { wordsOf } from './document-fences.ts'

const PROJECT = join(import.meta.dirname, '..')
/** Folders of the repository that commands name files of. */
const FOLDERS = ['deploy', 'docs', 'examples', 'e2e', 'cli', 'local', 'proxy', 'control-plane', 'bench']
/** Made by a command that stands before. */
const MADE = /^dist\//

/**
 * What is wrong with a command of a document, as far as it can be told without running it; undefined when nothing is. Those of
 * `weft` are held to what the command line says of itself, those of npm to package.json, values of helm to the chart's,
 * paths to the repository.
 */
export function wrongCommand(command: string, weft: CommandDescription): string | undefined {
  for (const part of command.split(/ (?:\||&&|;) /)) {
    const words = wordsOf(part.replace(/ >+ *\S+$/, ''))
    const wrong = wrongWords(words, weft) ?? words.map(missingPath).find((missing) => missing !== undefined)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function wrongWords(
  [program = '', ...rest]: readonly string[],
  weft: CommandDescription,
): string | undefined {
  if (program === 'weft') return wrongWeft(weft, rest)
  if (program === 'npx') {
    const [what = '', ...its] = rest
    if (what === 'weft' || /^\.\/weft-[\d.]+\.tgz$/.test(what)) return wrongWeft(weft, its)
    return `npx ${what}: only weft is run by npx`
  }
  if (program === 'helm') return wrongValue(rest)
  return program === 'npm' ? wrongNpm(rest) : undefined
}

/** Of what stands behind `weft`. */
function wrongWeft(command: CommandDescription, words: readonly string[]): string | undefined {
  try {
    const [first = ''] = words
    if (command.subcommands === undefined || first.startsWith('-')) {
      parseCommand(command, words)
      return undefined
    }
    return wrongWeft(findCommand(command.subcommands, first), words.slice(1))
  } catch (error) {
    return `weft ${command.name}: ${describeError(error)}`
  }
}

const { scripts } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>
}

function wrongNpm([command = '', name = '', ...rest]: readonly string[]): string | undefined {
  if (command === 'test' || command === 'pack' || command === 'install' || command === 'sbom')
    return undefined
  if (command !== 'run') return `npm ${command}: no document needs it`
  const script = scripts[name]
  if (script === undefined) return `npm run ${name}: package.json has no such script`
  const given = rest.flatMap((word) => /^--([a-z][a-z-]*)/.exec(word)?.[1] ?? [])
  const program = /(\S+\.(?:ts|mjs))(?: *\S+)?$/.exec(script)?.[1]
  if (given.length === 0) return undefined
  if (program === undefined) return `npm run ${name}: it takes no flags`
  // The repository's own programs name their flags in their --help, or where they read them.
  const sources = globSync('**/*.{ts,mjs}', { cwd: join(PROJECT, dirname(program)) })
    .filter((file) => !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(PROJECT, dirname(program), file), 'utf8'))
    .join('\n')
  const unknown = given.find((flag) => !new RegExp(`--${flag}(?![\\w-])`).test(sources))
  return unknown === undefined ? undefined : `npm run ${name}: there is no flag --${unknown}`
}

const values: unknown = parse(readFileSync(join(PROJECT, 'deploy/chart/values.yaml'), 'utf8'))

/** Of `--set a.b=value`: the chart must have the value. */
function wrongValue(words: readonly string[]): string | undefined {
  const set = words.flatMap((word, at) => (words[at - 1] === '--set' ? [word.split('=')[0] ?? ''] : []))
  const unknown = set.find((path) => !hasPath(values, path.split('.')))
  return unknown === undefined ? undefined : `helm: the chart has no value ${unknown}`
}

function hasPath(value: unknown, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true
  if (typeof value !== 'object' || value === null || !(first in value)) return false
  return hasPath((value as Readonly<Record<string, unknown>>)[first], rest)
}

/** A word that looks like a file of the repository, and is none. */
function missingPath(word: string): string | undefined {
  const path = word.replace(/^.*=(?=[^=]*\/)/, '').replace(/^\$PWD\//, '')
  const [folder = ''] = path.split('/')
  if (!path.includes('/') || !FOLDERS.includes(folder) || MADE.test(path) || /[$*]/.test(path))
    return undefined
  return existsSync(join(PROJECT, path)) ? undefined : `${path}: there is no such file`
}

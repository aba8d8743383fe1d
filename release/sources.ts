import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { WeftError } from '../core/errors.ts'
import { mustRun } from '../local/node/run-command.ts'
import { sectionOf, type Section } from './changelog.ts'
import { LACK } from './debian.ts'

export const PROJECT = join(import.meta.dirname, '..')

/** What is released. */
export interface Sources {
  readonly version: string
  readonly commit: string
  /** Whether files of it were changed since. */
  readonly dirty: boolean
  /** Seconds since 1970: all that is made dates from then. */
  readonly seconds: number
  readonly section: Section
  /** Files of the chart, as the repository has them. */
  readonly chartFiles: readonly string[]
}

/**
 * Reads what a release is made of. Throws WeftError `release.version` where package and chart have two versions, and
 * `release.lack` outside of a clone.
 */
export async function readSources(env: NodeJS.ProcessEnv = process.env): Promise<Sources> {
  const { version } = JSON.parse(text('package.json')) as { version: string }
  const chart = parse(text('deploy/chart/Chart.yaml')) as { version: string; appVersion: string }
  for (const [field, said] of [
    ['version', chart.version],
    ['appVersion', chart.appVersion],
  ] as const)
    if (said !== version)
      throw new WeftError('release.version', `is ${said}, and package.json has ${version}: make them one`, {
        field: `deploy/chart/Chart.yaml: ${field}`,
      })
  const listed = await git('ls-files', 'deploy/chart')
  return {
    version,
    commit: await git('rev-parse', 'HEAD'),
    dirty: (await git('status', '--porcelain')) !== '',
    seconds: secondsOf(env['SOURCE_DATE_EPOCH'] ?? (await git('log', '-1', '--format=%ct'))),
    section: sectionOf(text('CHANGELOG.md'), version),
    chartFiles: listed.split('\n').map((path) => join(PROJECT, path)),
  }
}

function secondsOf(said: string): number {
  // reproducible-builds.org, "SOURCE_DATE_EPOCH specification": a decimal number without a fraction.
  if (/^\d{1,11}$/.test(said)) return Number(said)
  throw new WeftError('release.time', `"${said}" must be whole seconds since 1970`, {
    field: 'SOURCE_DATE_EPOCH',
  })
}

function text(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8')
}

async function git(...args: readonly string[]): Promise<string> {
  try {
    return (await mustRun(['git', '-C', PROJECT, ...args])).trim()
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new WeftError(LACK, `a release is made in a clone, by git: ${said}`, { cause })
  }
}

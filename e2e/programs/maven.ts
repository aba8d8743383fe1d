import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lack } from './lack.ts'
import { ensureOnMachine } from './on-machine.ts'
import type { Progress } from './progress.ts'
import { runStep } from './run-step.ts'

/**
 * Puts the libraries that a pom.xml asks for at run time, and theirs, into `folder`. `properties` are Maven's. Gives the
 * first line of what the machine's Java says of its version. Throws WeftError `programs.lack` for what cannot be had.
 */
export async function fetchLibraries(
  pom: string,
  properties: Readonly<Record<string, string>>,
  folder: string,
  progress: Progress,
): Promise<string> {
  ensureOnMachine('java', 'default-jdk-headless', progress)
  ensureOnMachine('mvn', 'maven', progress)
  const work = mkdtempSync(join(tmpdir(), 'weft-maven-'))
  try {
    copyFileSync(pom, join(work, 'pom.xml'))
    const set = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`)
    progress(`Maven: fetching libraries (${set.join(' ')})`)
    await runStep(
      [
        ...['mvn', '--batch-mode', '--quiet', ...set],
        'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies',
        ...['-DincludeScope=runtime', `-DoutputDirectory=${folder}`],
      ],
      { cwd: work },
    ).catch((cause: unknown) => {
      throw lack(
        `Maven cannot fetch libraries (${set.join(' ')})`,
        'it must reach a repository that has them',
        cause,
      )
    })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  const { stderr, stdout } = spawnSync('java', ['-version'], { encoding: 'utf8' })
  return `${stderr}${stdout}`.split('\n')[0] ?? ''
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WeftError } from '../../../core/errors.ts'
import { runCommand } from '../../../local/node/run-command.ts'
import { SYSTEM_PATH } from '../../../local/requirements.ts'
import { ensurePrograms } from '../programs/programs.ts'
import type { Progress } from '../../programs/progress.ts'

export const CHART = join(import.meta.dirname, '../../../deploy/chart')
/** Of the release and what it is installed in. */
export const RELEASE = 'weft'
export const NAMESPACE = 'weft-system'
/** The oldest that the chart takes; this helm does not know a newest one. */
export const OLDEST_KUBERNETES = 'v1.33.0'

/** A helm of its own: it reads and writes nothing of the user's. */
export interface Helm {
  /** Gives standard output. Throws WeftError `kubernetes.helm` with what it said unless it exits with 0. */
  run(args: readonly string[], values?: object): Promise<string>
  /** The chart's objects as YAML, and nothing asked of a cluster. */
  template(values?: object, ...flags: readonly string[]): Promise<string>
  close(): void
}

/** `kubeconfig`: of the cluster that it installs into, if any. */
export async function openHelm(progress: Progress, kubeconfig?: string): Promise<Helm> {
  const programs = await ensurePrograms(['helm'], progress)
  const home = mkdtempSync(join(tmpdir(), 'weft-helm-'))
  const env = {
    PATH: SYSTEM_PATH,
    HOME: home,
    ...(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }),
  }
  const run = async (args: readonly string[], values?: object): Promise<string> => {
    const argv = [programs.path('helm'), ...args, ...(values === undefined ? [] : ['--values', '-'])]
    const { code, stdout, stderr } = await runCommand(argv, {
      env,
      ...(values === undefined ? {} : { input: JSON.stringify(values) }),
    })
    if (code === 0) return stdout
    throw new WeftError('kubernetes.helm', `helm ${args.join(' ')} (${code}): ${stderr.trim()}`)
  }
  return {
    run,
    template: (values, ...flags) =>
      run(
        ['template', RELEASE, CHART, '--namespace', NAMESPACE, '--kube-version', OLDEST_KUBERNETES, ...flags],
        values,
      ),
    close: () => rmSync(home, { recursive: true, force: true }),
  }
}

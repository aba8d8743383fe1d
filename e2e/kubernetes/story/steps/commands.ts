import { join } from 'node:path'
import { runCommand } from '../../../../local/node/run-command.ts'
import type { KubernetesMesh, KubernetesStep } from '../step.ts'

const PROGRAM = join(import.meta.dirname, '../../../../cli/weft.ts')

interface Finding {
  readonly check: string
  readonly status: string
  readonly message: string
}

/** `weft` with --json, as a person with a kubeconfig runs it. */
async function weft(mesh: KubernetesMesh, ...argv: readonly string[]) {
  const { code, stdout, stderr } = await runCommand(
    [process.execPath, PROGRAM, ...argv, '--json', '--kubeconfig', mesh.kubernetes.kubeconfig],
    { timeoutMs: 120_000 },
  )
  if (stdout === '') throw new Error(`weft ${argv.join(' ')} (${code}): ${stderr.trim()}`)
  return { code, result: JSON.parse(stdout) as unknown }
}

export const commands: KubernetesStep = {
  name: 'commands',
  expected:
    'weft check finds nothing wrong; proxies, config and certs show each sidecar with its certificate and configuration',
  async run(mesh) {
    const check = await weft(mesh, 'check')
    const { findings } = check.result as { findings: readonly Finding[] }
    const wrong = findings.filter(({ status }) => status !== 'ok')
    const listed = await weft(mesh, 'proxies', '-n', 'shop', '--certs')
    const { proxies } = listed.result as {
      proxies: readonly { pod: string; config: string; certificate: string }[]
    }
    const valid = proxies.filter(({ certificate }) => Date.parse(certificate) > Date.now())
    const [web] = await mesh.pods('shop', 'web')
    const config = await weft(mesh, 'config', web?.name ?? '', '-n', 'shop')
    const dump = JSON.stringify(config.result)
    const certs = await weft(mesh, 'certs')
    const { certificates } = certs.result as { certificates: readonly { use: string }[] }
    const uses = [...new Set(certificates.map(({ use }) => use))]
    return {
      ok:
        wrong.length === 0 &&
        [check, listed, config, certs].every(({ code }) => code === 0) &&
        proxies.length > 0 &&
        valid.length === proxies.length &&
        /"listeners":.*"clusters":/.test(dump) &&
        uses.join() === 'root,issuing CA,webhook',
      observed: `${findings.length} findings, ${wrong.length} not ok${wrong.map(({ check: name, message }) => ` (${name}: ${message})`).join('')}; ${valid.length} of ${proxies.length} sidecars with a valid certificate; config of web ${dump.length} bytes; certificates: ${uses.join(', ')}`,
    }
  },
}

import { weftCommand, wrongFindings, type Finding } from '../../mesh/weft-command.ts'
import { eventually } from '../../../demo/scenario.ts'
import type { KubernetesStep } from '../step.ts'

const PATIENCE_S = 120

export const commands: KubernetesStep = {
  name: 'commands',
  expected:
    'weft check finds nothing wrong, and that legacy alone calls in plaintext; proxies, config and certs show each sidecar with its certificate and configuration',
  async run(mesh) {
    const weft = (...argv: readonly string[]) => weftCommand(mesh.kubernetes.kubeconfig, ...argv)
    // By the pod of the namespace legacy, in the step mtls: its servers' sidecars tell who called them every 5 s.
    const { check, findings, plain } = await eventually(PATIENCE_S, 'a caller in plaintext', async () => {
      const report = await weft('check')
      const { findings: all } = report.result as { findings: readonly Finding[] }
      const said = all.filter(({ check: name, status }) => name === 'plaintext' && status === 'warning')
      return said.length > 0 ? { check: report, findings: all, plain: said } : undefined
    })
    const wrong = wrongFindings(findings)
    const legacy = (await mesh.pods('legacy', 'client')).map(({ address }) => address)
    // As `client-1.legacy (ADDRESS) calls ...`, or by the address alone.
    const onlyLegacy = plain.every(({ message }) =>
      legacy.some((address) => message.startsWith(`${address} `) || message.includes(`(${address}) `)),
    )
    const listed = await weft('proxies', '-n', 'shop', '--certs')
    const { proxies } = listed.result as {
      proxies: readonly { pod: string; config: string; certificate: string }[]
    }
    const valid = proxies.filter(({ certificate }) => Date.parse(certificate) > Date.now())
    const [web] = await mesh.pods('shop', 'web')
    const config = await weft('config', web?.name ?? '', '-n', 'shop')
    const dump = JSON.stringify(config.result)
    const certs = await weft('certs')
    const { certificates } = certs.result as { certificates: readonly { use: string }[] }
    const uses = [...new Set(certificates.map(({ use }) => use))]
    return {
      ok:
        wrong.length === 0 &&
        onlyLegacy &&
        [check, listed, config, certs].every(({ code }) => code === 0) &&
        proxies.length > 0 &&
        valid.length === proxies.length &&
        /"listeners":.*"clusters":/.test(dump) &&
        uses.join() === 'root,issuing CA,webhook',
      observed: `${findings.length} findings, ${wrong.length} not ok${wrong.map(({ check: name, message }) => ` (${name}: ${message})`).join('')}; in plaintext: ${plain.map(({ message }) => message.slice(0, message.indexOf(' in plaintext'))).join(', ')}; ${valid.length} of ${proxies.length} sidecars with a valid certificate; config of web ${dump.length} bytes; certificates: ${uses.join(', ')}`,
    }
  },
}

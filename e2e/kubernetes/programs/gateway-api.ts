import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lack } from '../../programs/lack.ts'
import { runStep } from '../../programs/run-step.ts'
import { GATEWAY_API } from './versions.ts'

const MODULE = 'sigs.k8s.io/gateway-api'

/** In its part of the cache: kubectl takes the whole folder, so nothing else lies there. */
export const CRDS = 'standard'

/** Puts Gateway API's CRDs (standard channel) into `folder`/standard, from the Go module that carries them. */
export async function fetchGatewayApi(folder: string): Promise<Record<string, string>> {
  const work = mkdtempSync(join(tmpdir(), 'weft-gateway-api-'))
  try {
    const said = await runStep(['go', 'mod', 'download', '-json', `${MODULE}@${GATEWAY_API}`], {
      cwd: work,
      env: { ...process.env, GOFLAGS: '', GOWORK: 'off' },
    }).catch((cause: unknown) => {
      throw lack(
        `the Go module ${MODULE} cannot be fetched`,
        'GOPROXY must name a module proxy that answers',
        cause,
      )
    })
    const { Dir, Sum } = JSON.parse(said) as { Dir: string; Sum: string }
    cpSync(join(Dir, 'config', 'crd', 'standard'), join(folder, CRDS), { recursive: true })
    return { module: MODULE, version: GATEWAY_API, sum: Sum }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

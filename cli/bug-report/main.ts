import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import packageJson from '../../package.json' with { type: 'json' }
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { WeftError } from '../../core/errors.ts'
import { ControlClient } from '../../local/control/client.ts'
import { controlSocket, stateDirectory } from '../../local/state-directory.ts'
import { openAdminPages } from '../mesh/admin-page.ts'
import { openMesh, type MeshFlagValues } from '../mesh/mesh-api.ts'
import { runMeshCommand } from '../mesh/mesh-command.ts'
import { namespaceValue } from '../mesh/namespace-value.ts'
import { openEither } from '../mesh/which-mesh.ts'
import { addClusterEvidence } from './cluster-evidence.ts'
import { BUNDLE_COMMAND } from './command.ts'
import type { Evidence } from './evidence.ts'
import { addLocalEvidence } from './local-evidence.ts'
import { ReportArchive, type LeftOut } from './report-archive.ts'

/** Of left out pieces, those that are printed; the list of contents has all. */
const SHOWN = 10
const TAKEN = 'is there already: name another file'

/** `weft bundle`. Resolves to the exit code. */
export function runBundle(argv: readonly string[]): Promise<number> {
  return runMeshCommand(BUNDLE_COMMAND, argv, async ({ values, given }) => {
    const namespace = namespaceValue(values.namespace)
    namespaceValue(values['weft-namespace'], '--weft-namespace')
    const now = new Date()
    const folder = `weft-bundle-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}`
    const file = values.output ?? `${folder}.tar.gz`
    // Said before it takes minutes, and held when it is written.
    if (existsSync(file)) throw new WeftError('bundle.file', `${file} ${TAKEN}`, { field: '--output' })
    const archive = new ReportArchive()
    archive.json('machine.json', machineFacts())
    const evidence: Evidence = {
      archive,
      namespace,
      applications: values['application-logs'],
      progress: (what) => process.stderr.write(`${what} ...\n`),
    }
    const gather = await openEither(given, {
      local: () => ofThisMachine(evidence, values),
      cluster: () => ofCluster(evidence, values),
    })
    const mesh = await gather()
    const { bytes, files, leftOut } = await archive.finish(folder, {
      weft: packageJson.version,
      written: now.toISOString(),
      mesh,
      namespace: namespace ?? null,
    })
    await write(file, bytes)
    return {
      text: `${file}: ${files.length} files, ${Math.ceil(bytes.length / 1024)} KiB\n${leftOutText(leftOut)}`,
      json: { file, bytes: bytes.length, mesh, files, leftOut },
      code: 0,
    }
  })
}

/** What is gathered from a mesh that was found. Resolves to which of the two it is. */
type Gather = () => Promise<'local' | 'cluster'>

async function ofThisMachine(evidence: Evidence, values: MeshFlagValues): Promise<Gather> {
  const mesh = await openMesh(values, new Set(['local']))
  return async () => {
    const client = new ControlClient(controlSocket(stateDirectory(values.name, values['state-dir'])))
    try {
      await addLocalEvidence(evidence, client, mesh)
    } finally {
      await client.close()
      await mesh.close()
    }
    return 'local'
  }
}

async function ofCluster(evidence: Evidence, values: MeshFlagValues): Promise<Gather> {
  const { kubeconfig, context, 'weft-namespace': system } = values
  const { namespace } = evidence
  const pages = await openAdminPages({ kubeconfig, context })
  const connection = await openConnection({ kubeconfig, context })
  return async () => {
    try {
      const given = new Set<string>()
      const session = { connection, system, namespace, kubeconfig, context, positionals: [], given }
      await addClusterEvidence(evidence, session, pages)
    } finally {
      await connection.close()
    }
    return 'cluster'
  }
}

/** Of the machine on which the command runs, which is that of the mesh if that is on this machine. */
function machineFacts(): object {
  return {
    weft: packageJson.version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    kernel: release(),
    processors: cpus().length,
    memoryMiB: Math.round(totalmem() / (1 << 20)),
  }
}

async function write(file: string, bytes: Buffer): Promise<void> {
  try {
    // For its owner alone: what is no secret need not be everybody's.
    await writeFile(file, bytes, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    const why =
      (cause as NodeJS.ErrnoException).code === 'EEXIST'
        ? TAKEN
        : `cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new WeftError('bundle.file', `${file} ${why}`, { field: '--output', cause })
  }
}

function leftOutText(leftOut: readonly LeftOut[]): string {
  const lines = leftOut.slice(0, SHOWN).map(({ name, why }) => `left out: ${name}: ${why}\n`)
  const more = leftOut.length - lines.length
  return lines.join('') + (more > 0 ? `left out: ${more} more, which contents.json lists\n` : '')
}

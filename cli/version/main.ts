import packageJson from '../../package.json' with { type: 'json' }
import { printHelp, programName, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand } from '../../core/command-line/parse.ts'
import type { FlagValues } from '../../core/command-line/parse.ts'
import { describeError } from '../../core/errors.ts'
import { VERSION_COMMAND } from './command.ts'
import type { MeshVersions } from './mesh-versions.ts'

interface ClientVersion {
  readonly version: string
  readonly node: string
  /** Of Node.js: `linux x64`. */
  readonly platform: string
}

/** What `weft version --json` prints. */
interface Versions {
  readonly client: ClientVersion
  readonly local?: { readonly name: string; readonly version: string }
  readonly cluster?: MeshVersions
}

/** `weft version`. Resolves to the exit code. */
export async function runVersion(argv: readonly string[]): Promise<number> {
  let values: FlagValues<typeof VERSION_COMMAND>
  try {
    const parsed = parseCommand(VERSION_COMMAND, argv)
    if (parsed === 'help') {
      printHelp(VERSION_COMMAND)
      return 0
    }
    values = parsed.values
  } catch (error) {
    process.stderr.write(usageProblem(VERSION_COMMAND, error))
    return 2
  }
  const client = {
    version: packageJson.version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  }
  const failures: string[] = []
  const versions: Versions = values.client
    ? { client }
    : { client, ...(await localVersion(values)), ...(await clusterVersions(values, failures)) }
  process.stdout.write(values.json ? `${JSON.stringify(versions, undefined, 2)}\n` : versionText(versions))
  for (const failure of failures) process.stderr.write(`${programName()} version: ${failure}\n`)
  return failures.length === 0 ? 0 : 1
}

/** Of a mesh on this machine that runs; nothing where none does. */
async function localVersion({
  name,
  'state-dir': directory,
}: FlagValues<typeof VERSION_COMMAND>): Promise<Pick<Versions, 'local'>> {
  const { controlSocket, stateDirectory } = await import('../../local/state-directory.ts')
  const { ControlClient } = await import('../../local/control/client.ts')
  const client = new ControlClient(controlSocket(stateDirectory(name, directory)))
  try {
    const { version } = await client.status()
    return { local: { name, version } }
  } catch {
    return {}
  } finally {
    await client.close()
  }
}

async function clusterVersions(
  { kubeconfig, context, 'weft-namespace': system }: FlagValues<typeof VERSION_COMMAND>,
  failures: string[],
): Promise<Pick<Versions, 'cluster'>> {
  const { kubeconfigFiles } = await import('../../control-plane/kubernetes/kubeconfig.ts')
  const { isInCluster } = await import('../../control-plane/kubernetes/in-cluster.ts')
  if (kubeconfigFiles(kubeconfig).length === 0 && !isInCluster()) return {}
  const { openConnection } = await import('../../control-plane/kubernetes/open-connection.ts')
  const { meshVersions } = await import('./mesh-versions.ts')
  try {
    const connection = await openConnection({ kubeconfig, context })
    try {
      return { cluster: await meshVersions(connection, system) }
    } finally {
      await connection.close()
    }
  } catch (error) {
    failures.push(describeError(error))
    return {}
  }
}

function versionText({ client, local, cluster }: Versions): string {
  const lines = [`weft ${client.version} (Node.js ${client.node}, ${client.platform})`]
  if (local) lines.push(`mesh "${local.name}" of this machine: ${local.version}`)
  if (cluster) {
    if (cluster.controlPlanes.length === 0) lines.push('control planes: none')
    for (const { replica, version, error } of cluster.controlPlanes)
      lines.push(
        `control plane ${replica}: ${error === undefined ? version : `could not be asked: ${error}`}`,
      )
    const counts = cluster.sidecars.map(({ version, pods }) => `${version} in ${pods} pods`)
    lines.push(`sidecars: ${counts.join(', ') || 'none'}`)
  }
  return `${lines.join('\n')}\n`
}

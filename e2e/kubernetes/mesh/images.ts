import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packageJson from '../../../package.json' with { type: 'json' }
import { bundle } from '../../../cli/bundle.ts'
import { mustRun } from '../../../local/node/run-command.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'
import type { ImageContent } from '../../../release/image/oci-image.ts'
import type { Images } from '../cluster/image/image.ts'
import { folderFiles, type RootFiles } from '../../../release/image/root-files.ts'
import { readDockerfile, type Dockerfile } from '../../../release/image/dockerfile.ts'

export const VERSION = packageJson.version
const DEMO_IMAGE = 'weft.dev/demo:v1'
const NODE_ARGUMENT = /^ARG NODE_IMAGE=(\S+)$/m
const PARTS = ['control-plane', 'injector', 'proxy', 'init', 'cni'] as const

const PROJECT = join(import.meta.dirname, '../../..')
const DOCKER = join(PROJECT, 'deploy/docker')
const APPS = ['e2e/demo/app', 'e2e/kubernetes/story/app'].map((folder) => join(PROJECT, folder))

/**
 * Node as npm brought it, where the Dockerfiles' own image has it. In a mount namespace of its own, so that nothing of the
 * machine changes: $1 a folder to lie over /usr/local/bin, $2 Node's program, $3 what to run there.
 */
const WITH_NODE = `
mount --bind "$1" /usr/local/bin
: > /usr/local/bin/node
mount --bind "$2" /usr/local/bin/node
exec sh -euc "$3"`

/**
 * Gives the cluster the mesh's images and the demo's. Each is what its Dockerfile says, made of the machine's files in the
 * place of the Dockerfile's own, and of the bundles that `npm run build` makes.
 */
export async function loadMeshImages(cluster: KubernetesCluster): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'weft-images-'))
  try {
    const roots = new Map<string, RootFiles>()
    const rootOf = async ({ closures }: Dockerfile): Promise<RootFiles> => {
      const key = closures.join('\n')
      const files = roots.get(key) ?? (await closure(closures, mkdtempSync(join(work, 'root-'))))
      roots.set(key, files)
      return files
    }
    const images: Record<string, ImageContent> = {}
    // Below all others, so that it is stored once.
    let node: RootFiles | undefined
    for (const part of PARTS) {
      await bundle(part, { into: join(work, 'dist') })
      const dockerfile = readDockerfile(readFileSync(join(DOCKER, `${part}.Dockerfile`), 'utf8'))
      const root = await rootOf(dockerfile)
      node ??= root
      images[`weft-${part}:${VERSION}`] = {
        layers: [
          node,
          ...(root === node ? [] : [without(root, node)]),
          ...dockerfile.copies.map(([from, to]) => folderFiles(to, join(work, from))),
        ],
        entrypoint: dockerfile.entrypoint,
        env: dockerfile.env,
        user: dockerfile.user,
      }
    }
    await cluster.loadImages({ ...images, ...demoImage(node ?? {}), ...nodeImage(node ?? {}) })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function demoImage(node: RootFiles): Images {
  const layers = [node, ...APPS.map((folder) => folderFiles('/app', folder))]
  return { [DEMO_IMAGE]: { layers, workingDirectory: '/app' } }
}

/** Under the name of the public image that the Dockerfiles begin with, and examples/cluster runs on. */
function nodeImage(node: RootFiles): Images {
  const [, name = ''] = NODE_ARGUMENT.exec(readFileSync(join(DOCKER, 'proxy.Dockerfile'), 'utf8')) ?? []
  return { [name]: { layers: [node] } }
}

/** What deploy/docker/closure.sh puts together on this machine. */
async function closure(commands: readonly string[], directory: string): Promise<RootFiles> {
  const [bin, root] = [join(directory, 'bin'), join(directory, 'root')]
  for (const one of [bin, root]) mkdirSync(one)
  const script = commands
    .map((one) => one.replace('/closure.sh /root-files', `${join(DOCKER, 'closure.sh')} ${root}`))
    .join('\n')
  await mustRun(['unshare', '--mount', 'sh', '-euc', WITH_NODE, 'sh', bin, process.execPath, script])
  return folderFiles('/', root)
}

function without(files: RootFiles, lower: RootFiles): RootFiles {
  return Object.fromEntries(Object.entries(files).filter(([path]) => !(path in lower)))
}

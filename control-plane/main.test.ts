import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const WEFT = join(import.meta.dirname, '../cli/weft.ts')

function run(...flags: string[]): { status: number | null; text: string } {
  const env = { PATH: process.env['PATH'], HOME: '/nowhere' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [WEFT, 'control-plane', ...flags], {
    env,
    encoding: 'utf8',
  })
  return { status, text: stdout + stderr }
}

t.test('a cluster and directories exclude each other, by the name of the flag', async (t) => {
  const wrong: [string[], RegExp][] = [
    [[], /--manifests: is required, or --kubernetes/],
    [['--kubernetes', '--manifests', 'a'], /--manifests: does not go with --kubernetes/],
    [['--kubernetes', '--ca-dir', 'a'], /--ca-dir: does not go with --kubernetes/],
    [['--kubernetes', '--token-key-dir', 'a'], /--token-key-dir: does not go with --kubernetes/],
    [['--manifests', 'a', '--context', 'b'], /--context: goes with --kubernetes only/],
    [['--manifests', 'a', '--kubeconfig', 'b'], /--kubeconfig: goes with --kubernetes only/],
    [['--manifests', 'a'], /--ca-dir: is required/],
    [['--manifests', 'a', '--http-auth', 'kubernetes'], /--http-auth: goes with --kubernetes only/],
    [['--kubernetes', '--http-acts-from', '10.0.0.1'], /--http-acts-from: does not go with --kubernetes/],
    [
      ['--manifests', 'a', '--http-acts-from', '10.0.0.0/8'],
      /--http-acts-from: "10.0.0.0\/8" must be an IP address/,
    ],
    [['--kubernetes', '--http-auth', 'oidc'], /--http-auth: "oidc" must be none or kubernetes/],
    [['--kubernetes', '--replica-token', 'a'], /--replica-token: goes with --http-auth kubernetes only/],
  ]
  for (const [flags, message] of wrong) t.match(run(...flags), { status: 2, text: message }, flags.join(' '))
  t.match(run('--help'), { status: 0, text: /--kubernetes .*\n.*--kubeconfig FILE/ })
})

t.test('without a cluster it says how to name one', async (t) => {
  const anywhere = ['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0']
  t.match(run('--kubernetes', ...anywhere), {
    status: 1,
    text: /no Kubernetes cluster is configured: give --kube/,
  })
  t.match(run('--kubernetes', '--kubeconfig', '/nowhere/config', ...anywhere), {
    status: 1,
    text: /control-plane: \/nowhere\/config: is no kubeconfig that can be read: ENOENT/,
  })
})

import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { Blobs, type Descriptor } from './oci-image.ts'

const SECONDS = 1_700_000_000
const content = {
  layers: [{ '/a': 'a', '/tmp': { directory: 0o1777 } }],
  entrypoint: ['/a'],
  user: '1:1',
  ports: ['80'],
}

function twoPlatforms(blobs: Blobs): Descriptor {
  const manifests = (['amd64', 'arm64'] as const).map((architecture) => {
    const platform = { architecture, os: 'linux' } as const
    return { ...blobs.addImage(content, platform), platform }
  })
  return blobs.addIndex(manifests, { 'org.opencontainers.image.version': '1' })
}

t.test('a layout has an index for all platforms, and all that it leads to under its digest', (t) => {
  const blobs = new Blobs({ seconds: SECONDS, compressed: true })
  const files = blobs.layout([twoPlatforms(blobs)])
  for (const [path, bytes] of files)
    if (path.startsWith('blobs/'))
      t.equal(path, `blobs/sha256/${createHash('sha256').update(bytes).digest('hex')}`)
  const read = (one: Descriptor) => JSON.parse(String(files.get(`blobs/${one.digest.replace(':', '/')}`)))
  t.same(JSON.parse(String(files.get('oci-layout'))), { imageLayoutVersion: '1.0.0' })
  const [top] = JSON.parse(String(files.get('index.json'))).manifests
  t.equal(top.mediaType, 'application/vnd.oci.image.index.v1+json')
  const { manifests } = read(top)
  t.same(
    manifests.map(({ platform }: Descriptor) => platform),
    [
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm64', os: 'linux' },
    ],
  )
  const manifest = read(manifests[1])
  const config = read(manifest.config)
  t.match(config, {
    created: '2023-11-14T22:13:20Z',
    architecture: 'arm64',
    config: { User: '1:1', Entrypoint: ['/a'], ExposedPorts: { '80/tcp': {} } },
  })
  const [layer] = manifest.layers
  t.equal(layer.mediaType, 'application/vnd.oci.image.layer.v1.tar+gzip')
  const archive = gunzipSync(files.get(`blobs/${layer.digest.replace(':', '/')}`) ?? '')
  t.equal(config.rootfs.diff_ids[0], `sha256:${createHash('sha256').update(archive).digest('hex')}`)
  // The time of the first entry, as tar(5) has it at 136.
  t.equal(Number.parseInt(archive.toString('latin1', 136, 147), 8), SECONDS)
  t.equal(files.size, 2 + 1 + 2 + 2 + 1, 'the layer is in it once')
  t.end()
})

t.test('the same content has the same digest, and another time another one', (t) => {
  const digest = (seconds: number) => twoPlatforms(new Blobs({ seconds, compressed: true })).digest
  t.equal(digest(SECONDS), digest(SECONDS))
  t.not(digest(SECONDS), digest(SECONDS + 1))
  t.throws(() => new Blobs().get('sha256:none'), /there is no blob/)
  t.end()
})

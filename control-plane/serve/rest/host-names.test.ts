import t from 'tap'
import { isOwnHost } from './host-names.ts'

const NAMES = [
  'weft-control-plane.weft-system.svc',
  'weft-control-plane.weft-system.svc.cluster.local',
  'dashboard.example.com',
]

t.test('addresses, localhost and names of this server', async (t) => {
  for (const host of [
    '127.0.0.1:15080',
    '10.0.0.7',
    '[::1]:15080',
    '[fd00::7]',
    'localhost',
    'LOCALHOST:8080',
    'localhost.:15080',
    'weft-control-plane:15080',
    'weft-control-plane.weft-system',
    'weft-control-plane.weft-system.svc:15080',
    'weft-control-plane.weft-system.svc.cluster.local.',
    'dashboard.example.com',
    'Dashboard.Example.com.',
  ])
    t.ok(isOwnHost(host, NAMES), host)
})

t.test('every other name', async (t) => {
  for (const host of [
    '',
    ':15080',
    '.',
    'evil.example',
    'evil.example:15080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1:15080.evil.example',
    'weft-control-plane.weft-system.svc.evil.example',
    'notlocalhost',
    'weft-control',
    'example.com',
    // Beginnings of its names, which others may register.
    'dashboard',
    'dashboard.example',
    'weft-control-plane.weft-system.svc.cluster',
    'localhost@evil.example',
    'evil.example#localhost',
    '[::1',
    '[::1].evil.example',
    '[evil]',
    '1.2.3.4.5',
    'localhost, evil.example',
  ])
    t.notOk(isOwnHost(host, NAMES), host)
})

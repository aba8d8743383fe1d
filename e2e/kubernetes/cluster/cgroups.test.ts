import t from 'tap'
import { cgroupHierarchies } from './cgroups.ts'

t.test('hierarchies of version 1 are found with the path of this process in each', (t) => {
  const mountinfo = `
25 1 0:22 / /proc rw - proc proc rw
30 24 0:26 / /sys/fs/cgroup ro - tmpfs cgroup ro,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu
32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
34 30 0:30 /sub /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
35 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`
  const cgroup = `
5:name=systemd:/a:b
4:pids:/p
3:memory:/m
2:cpu:/
0::/u`
  t.same(cgroupHierarchies(mountinfo, cgroup), [
    { mount: '/sys/fs/cgroup/cpu', path: '/', version: 1 },
    { mount: '/sys/fs/cgroup/memory', path: '/m', version: 1 },
    { mount: '/sys/fs/cgroup/systemd', path: '/a:b', version: 1 },
    { mount: '/sys/fs/cgroup/unified', path: '/u', version: 2 },
  ])
  t.end()
})

t.test('the unified hierarchy alone is one of version 2', (t) => {
  const mountinfo = '30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw,nsdelegate'
  t.same(cgroupHierarchies(mountinfo, '0::/user.slice'), [
    { mount: '/sys/fs/cgroup', path: '/user.slice', version: 2 },
  ])
  t.end()
})

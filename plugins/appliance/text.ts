export const text = {
  title: 'System',
  summary: 'The appliance itself: power, updates, name and time, its network, access by SSH, logs.',
  box: 'the box',
  none: 'This is no appliance: WireGUI runs on a server that somebody else looks after.',
  tabs: { system: 'Overview' },
  runs: 'What runs',
  version: 'Version',
  built: 'Built',
  kernel: 'Kernel',
  slot: 'Slot',
  otherSlot: 'Other slot',
  other: {
    good: (version: string | null) => (version === null ? 'works, as it was flashed' : `version ${version}, works`),
    bad: (version: string | null) => (version === null ? 'nothing that starts' : `version ${version}, is not started`),
  },
  hostname: 'Name',
  up: 'Running for',
  upFor: (seconds: number) => {
    const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60];
    return days > 0 ? `${days} d ${hours} h` : hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min`;
  },
  fellBack: (version: string) => `Version ${version} did not work and was given up; this is the one before.`,
  power: 'Power',
  powerLead: 'Tunnels stop while the box is down, and come back by themselves.',
  reboot: {
    label: 'Reboot',
    question: 'Reboot the box? All tunnels stop for about a minute.',
    done: 'The box reboots. This page answers again in about a minute.',
  },
  powerOff: {
    label: 'Shut down',
    question: 'Shut the box down? All tunnels stop, and somebody must switch it on by hand.',
    done: 'The box shuts down.',
  },
  reset: {
    label: 'Factory reset',
    lead: 'Makes the box as it was when it was flashed.',
    goes: ['all users, devices and their tunnels', 'all rules and settings', 'keys, certificates and the audit log', 'backups kept on this box'],
    goesTitle: 'This cannot be undone. What goes:',
    stays: 'The version stays. Afterwards the screen of the box shows a new code for the set-up.',
    type: (hostname: string) => `Type the box’s name, ${hostname}, to confirm`,
    wrong: (hostname: string) => `must be ${hostname}`,
    button: 'Erase everything',
    done: 'The box erases everything and starts anew.',
  },
  down: 'On its way',
  operations: {
    get: 'What the appliance runs',
    reboot: 'Reboot the box',
    powerOff: 'Shut the box down',
    reset: 'Erase everything and start anew; needs the box’s name',
  },
};

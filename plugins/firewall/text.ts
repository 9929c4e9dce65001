export const text = {
  title: 'Firewall',
  summary: 'Decides what devices may reach.',
  settings: {
    title: 'Firewall',
    lead: 'What happens to packets from devices that no rule decides.',
    fields: {
      defaultPolicy: { label: 'Default policy', help: 'Drop lets devices reach nothing that is not allowed by a rule.' },
    },
    choices: { defaultPolicy: { accept: 'Accept', drop: 'Drop' } },
  },
};

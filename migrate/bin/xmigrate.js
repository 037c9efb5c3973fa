#!/usr/bin/env node
import { main } from '../dist/xmigrate/main.js';

await main(process.argv);

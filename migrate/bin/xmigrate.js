#!/usr/bin/env -S node --single-threaded --max-semi-space-size=4 --interrupt-budget=600000
import { main } from '../dist/xmigrate/main.js';

await main(process.argv);

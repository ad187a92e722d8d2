#!/bin/sh
# Tokenizing a crawl with an array of Slurm: sbatch examples/slurm_tokenize.sh IN OUT TOKENIZER
#
# Each task makes its part of the units; whichever makes the last one writes OUT/store.json. A task that is
# killed or requeued goes on where it was. What is missing when all have ended is made by
#   sbatch --array=$(pypack merge OUT --missing) examples/slurm_tokenize.sh IN OUT TOKENIZER
#SBATCH --job-name=tokenize
#SBATCH --array=0-15
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --requeue
set -eu
exec pypack tokenize "$1" -o "$2" --tokenizer "$3" --partition slurm --workers "${SLURM_CPUS_PER_TASK:-1}"

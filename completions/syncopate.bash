# Bash completion for syncopate. Source it, or install it as
# /usr/share/bash-completion/completions/syncopate. Names of accelerators, networks and memories come
# from the program itself.

_syncopate_list() {  # what `syncopate list ...` prints, without blanks
  "${_syncopate_program:-syncopate}" list "$@" 2> /dev/null | tr -d ' '
}

_syncopate() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local _syncopate_program=${COMP_WORDS[0]}
  local commands="run inspect list lower compile disasm prune quantize compress decompress eval train tune reproduce dram"
  local model="--dim --seed" general="--help --verbose --color --threads"
  local input="--input --limit --normalize --mean --std --scale --bgr"
  local structure="--method --keep --criterion --block --stride --fc-block --fc-stride --q-rounding --group"
  local machine="--on --set --config --dram"
  local command="" word index
  COMPREPLY=()

  for ((index = 1; index < COMP_CWORD; ++index)); do
    word=${COMP_WORDS[index]}
    if [[ " $commands " == *" $word "* ]]; then
      command=$word
      break
    fi
  done

  # readline cuts words at '='; a completion of --option=value stands two words back
  if [[ $previous == "=" && COMP_CWORD -ge 2 ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  elif [[ $current == "=" ]]; then
    current=""
  fi

  case $previous in
    --on)
      # the last name of a comma-separated list, without those already there
      local done="" names name
      [[ $current == *,* ]] && done=${current%,*},
      names=$(_syncopate_list --names)
      for name in $names; do
        [[ ",$done" == *",$name,"* ]] || COMPREPLY+=($(compgen -P "$done" -W "$name" -- "${current##*,}"))
      done
      compopt -o nospace 2> /dev/null
      return
      ;;
    --params) COMPREPLY=($(compgen -W "$(_syncopate_list --names)" -- "$current")); return ;;
    --rearrange) COMPREPLY=($(compgen -W "off static grouped" -- "$current")); return ;;
    --check) COMPREPLY=($(compgen -W "full sample off" -- "$current")); return ;;
    --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
    --bits) [[ $command == compress ]] || COMPREPLY=($(compgen -W "8 16" -- "$current")); return ;;
    --mode) COMPREPLY=($(compgen -W "max fast huffman" -- "$current")); return ;;
    --schedule) COMPREPLY=($(compgen -W "cosine steps constant" -- "$current")); return ;;
    --start) COMPREPLY=($(compgen -W "he identity" -- "$current")); return ;;
    --flip) COMPREPLY=($(compgen -W "yes no" -- "$current")); return ;;
    --device) COMPREPLY=($(compgen -W "auto cpu cuda" -- "$current")); return ;;
    --teacher-sees) COMPREPLY=($(compgen -W "each once" -- "$current")); return ;;
    --precision) COMPREPLY=($(compgen -W "auto f32 bf16" -- "$current")); return ;;
    --method) COMPREPLY=($(compgen -W "coarse magnitude balanced 2:4" -- "$current")); return ;;
    --criterion) COMPREPLY=($(compgen -W "average max geometric" -- "$current")); return ;;
    --normalize) COMPREPLY=($(compgen -W "auto imagenet caffe signed unit raw" -- "$current")); return ;;
    --dram)
      if [[ $command != list ]]; then
        COMPREPLY=($(compgen -W "$(_syncopate_list --dram)" -- "$current"))
        return
      fi
      ;;
    --set)
      local names name
      names=$(_syncopate_list --names)
      COMPREPLY=($(compgen -S . -W "$names energy" -- "$current"))
      compopt -o nospace 2> /dev/null
      return
      ;;
    -i | --input | --config | --labels | --journal | --checkpoint | --teacher | --original | --json | --csv | --report | -o | --output)
      COMPREPLY=($(compgen -f -- "$current"))
      compopt -o filenames 2> /dev/null
      return
      ;;
    --networks)
      if [[ $command == reproduce ]]; then
        COMPREPLY=($(compgen -d -- "$current"))
        compopt -o filenames 2> /dev/null
        return
      fi
      ;;
    -d | --data | --data-root)
      [[ $command == eval || $command == train ]] && [[ $previous != --data-root ]] && COMPREPLY=($(compgen -W "cifar10 mnist fashion-mnist shapes" -- "$current"))
      COMPREPLY+=($(compgen -d -- "$current"))
      compopt -o filenames 2> /dev/null
      return
      ;;
  esac

  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W "$commands --version $general" -- "$current"))
    return
  fi

  if [[ $current == -* ]]; then
    local options=$general
    case $command in
      run) options+=" $model $input $machine --bits --threshold-weights --threshold-activations --check --rearrange --labels --json --csv --report --all-layers" ;;
      inspect) options+=" $model --json --text --sparsity --against --initial --larger --typical-prediction --report" ;;
      list) options+=" --names --params --networks --dram --datasets" ;;
      lower) options+=" $model $input --output --quantized --no-optimize --bits --threshold-weights --threshold-activations" ;;
      compile) options+=" $model $input $machine --bits --threshold-weights --threshold-activations --output" ;;
      disasm) options+=" $model $input $machine --bits --threshold-weights --threshold-activations --tiles" ;;
      prune) options+=" $model $structure --output --density --layer --global --scale --least-density" ;;
      quantize) options+=" $model $input --output" ;;
      compress)
        options+=" $model $structure ${input#--input } --output --mode --bits --codebook --rate --tolerance --rows --layer --other-bits --json"
        options+=" --data --data-root --budget --density --dynamic-epochs --divide --step --step-epochs --more-epochs --settle-epochs --zero-rates --zero-epochs --cluster-epochs --book-epochs"
        options+=" --conv-bits --fc-bits --rates --scan-pictures --batch --learning-rate --weight-decay --average --no-distillation --original --teacher --teacher-sees"
        options+=" --flip --shift --cutout --device --precision --work --report"
        ;;
      decompress) options+=" --output" ;;
      eval) options+=" $model --data --data-root --label-offset --json --limit --normalize --mean --std --scale --bgr --bits --threshold-weights --threshold-activations" ;;
      train) options+=" --data --data-root --output --initialize --keep-zeros --dim --seed --start --epochs --batch --rate --momentum --weight-decay --warmup --schedule --average --label-smoothing --flip --shift --cutout --teacher --teacher-sees --teacher-weight --temperature --limit --normalize --mean --std --scale --bgr --device --precision --checkpoint --checkpoint-minutes --restart --test-every --json" ;;
      tune) options+=" $model $input $machine --vary --objective --any-area --budget --journal --bits --threshold-weights --threshold-activations" ;;
      reproduce) options+=" --json --report --data --networks" ;;
    esac
    COMPREPLY=($(compgen -W "$options" -- "$current"))
    return
  fi

  case $command in
    dram) COMPREPLY=($(compgen -W "$(_syncopate_list --dram)" -- "$current")) ;;
    reproduce)
      COMPREPLY=($(compgen -W "$("$_syncopate_program" reproduce 2> /dev/null | sed -n '3,$s/ .*//p')" -- "$current"))
      ;;
    list) ;;
    train)
      COMPREPLY=($(compgen -W "lenet5 lenet-300-100 cifar10-quick resnet20 resnet56 vgg16-cifar" -- "$current"))
      COMPREPLY+=($(compgen -f -- "$current"))
      compopt -o filenames 2> /dev/null
      ;;
    *)
      # networks: files, and zoo:NAME, of which readline completes what follows the colon
      COMPREPLY=($(compgen -f -- "$current"))
      if [[ $previous == ":" ]]; then
        COMPREPLY=($(compgen -W "$(_syncopate_list --networks | sed 's/^zoo://')" -- "$current"))
      elif [[ $current == ":" && $previous == zoo ]]; then
        COMPREPLY=($(_syncopate_list --networks | sed 's/^zoo://'))
      elif [[ zoo: == "$current"* ]]; then
        COMPREPLY+=("zoo:")
        compopt -o nospace 2> /dev/null
      fi
      compopt -o filenames 2> /dev/null
      ;;
  esac
}

complete -F _syncopate syncopate
